# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host lacks. Standard library only: `make` runs this file before anything is installed.

python3 orchestrator/doctor.py           prints the Debian packages to install, for apt-get
python3 orchestrator/doctor.py --test    those of the tests too
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# As orchestrator/paths.py, which cannot be imported where this file is started by its name.
_ROOTS = (Path(__file__).resolve().parent / "share", Path(__file__).resolve().parents[1])
NEEDS = next(root for root in _ROOTS if root.is_dir()) / "images" / "host-packages.toml"


@dataclass(frozen=True)
class Need:
    """One entry of host-packages.toml."""

    why: str
    debian: str
    fedora: str
    program: str = ""
    file: str = ""
    module: str = ""
    debian_newer: str = ""  # Debian's name of it in later releases, where that is another
    debian_native: dict[str, str] = field(default_factory=dict)
    arch: str = ""  # only this architecture needs it
    test: bool = False
    port: bool = False  # of an architecture that the default matrix does not have
    optional: bool = False  # without it a part of what is told is left out, and that is said

    @property
    def name(self) -> str:
        """What proves that it is there."""
        return self.program or self.file or f"Python's {self.module}"

    @property
    def package(self) -> str:
        """The Debian package on this host's architecture."""
        return self.debian_native.get(platform.machine(), self.debian)

    @property
    def present(self) -> bool:
        """Look."""
        if self.program:
            path = os.environ.get("PATH", os.defpath)
            return shutil.which(self.program, path=f"{path}:/usr/sbin:/sbin") is not None
        if self.file:
            return Path(self.file).exists()
        return importlib.util.find_spec(self.module) is not None


def needs(path: Path = NEEDS) -> list[Need]:
    """All entries, in file order."""
    entries = tomllib.loads(path.read_text())["need"]
    kinds = ("test", "port", "optional")
    return [
        Need(**{k: v for k, v in e.items() if k != "for"}, **{kind: e.get("for") == kind for kind in kinds})
        for e in entries
    ]


def wanted(tests: bool = False, arches: Collection[str] = ()) -> list[Need]:
    """Entries that must be there: without tests nothing optional, and those of ports only as far as arches names
    them."""

    def left_out(need: Need) -> bool:
        return need.test or need.optional or (need.port and need.arch not in arches)

    return [need for need in needs() if tests or not left_out(need)]


def missing(tests: bool = False, arches: Collection[str] = ()) -> list[Need]:
    """Those of wanted() that are not there."""
    return [need for need in wanted(tests, arches) if not need.present]


def optional(tests: bool = False) -> list[Need]:
    """What it can do without, is not asked for, and is not there."""
    return [need for need in needs() if need.optional and not tests and not need.present]


def ports(tests: bool = False, arches: Collection[str] = ()) -> dict[str, list[Need]]:
    """{arch: what it would need and is not there} of the ports that nobody asks for."""
    asked = wanted(tests, arches)
    others = [need for need in needs() if need.port and need not in asked]
    return {arch: [n for n in others if n.arch == arch and not n.present] for arch in {n.arch: 0 for n in others}}


def install_command(lacking: Sequence[Need]) -> str:
    """The one line that installs them on Debian and Ubuntu, on a system that knows no package yet, too."""
    packages = " ".join(dict.fromkeys(need.package for need in lacking))
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get update && {sudo}apt-get install --no-install-recommends {packages}"


def main() -> None:
    """Print package names, space-separated."""
    print(" ".join(dict.fromkeys(need.package for need in missing("--test" in sys.argv))))


if __name__ == "__main__":
    main()
