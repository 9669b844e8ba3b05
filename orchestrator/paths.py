# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the project's data is."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "images"
GUEST_TOOLS = ROOT / "guest-tools"
COMMON = "common"  # below guest-tools/: what every workload is compiled with
ADAPTERS = "adapters"  # what measures programs that are not ours
