# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the project's data is: inside the package where it was installed, beside it in a checkout. Read only."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_SHARE = PACKAGE / "share"
ROOT = _SHARE if _SHARE.is_dir() else PACKAGE.parent
IMAGES = ROOT / "images"
GUEST_TOOLS = ROOT / "guest-tools"
MATRIX = ROOT / "matrix.yaml"  # the default one
HERE = Path("matrix.yaml")  # the user's own, in the folder that a command is given in
COMMON = "common"  # below guest-tools/: what every workload is compiled with
ADAPTERS = "adapters"  # what measures programs that are not ours


def matrix_file(given: Path | None) -> Path:
    """The matrix file to take: the one that was given, else that of this folder, else the default one."""
    return given or (HERE if HERE.exists() else MATRIX)
