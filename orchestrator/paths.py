# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the project's data is: inside the package where it was installed, beside it in a checkout. Read only."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHARE = _PACKAGE / "share"
ROOT = _SHARE if _SHARE.is_dir() else _PACKAGE.parent
IMAGES = ROOT / "images"
GUEST_TOOLS = ROOT / "guest-tools"
MATRIX = ROOT / "matrix.yaml"  # the default one
COMMON = "common"  # below guest-tools/: what every workload is compiled with
ADAPTERS = "adapters"  # what measures programs that are not ours
