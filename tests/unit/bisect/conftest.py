# SPDX-License-Identifier: GPL-2.0-or-later
"""Git trees made for the search, by git fast-import: one process, whatever their length."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

MAKEFILE = "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n"


def value(changes: Sequence[int], state: int) -> int:
    """What mm/a.c says of a state: 4000 and all that was added up to it."""
    return 4000 + sum(changes[:state])


class Commits:
    """changes[n - 1] is what commit n adds to the figure, which is the first line of mm/a.c."""

    def __init__(self, folder: Path, changes: Sequence[int]) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self("init", "-q", "-b", "none")
        rows = list[str]()
        for n in range(len(changes) + 1):
            title = f"mm: step {n}"
            rows += ["commit refs/heads/master", f"committer a <a@b> {1_700_000_000 + n} +0000"]
            rows += [f"data {len(title)}", title]
            files = {"mm/a.c": f"{value(changes, n)}\n", f"doc/{n}": "x\n", **({} if n else {"Makefile": MAKEFILE})}
            for name, text in files.items():
                rows += [f"M 100644 inline {name}", f"data {len(text)}", text]
        self.feed("\n".join(rows) + "\n")
        self.commits = self("rev-list", "--reverse", "master").split()

    def feed(self, text: str) -> None:
        command = ["git", "-C", str(self.folder), "fast-import", "--quiet"]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)

    def __call__(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false"]
        command = ["git", "-C", str(self.folder), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
