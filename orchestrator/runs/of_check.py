# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check keeps in its run folder beside what every run has: a value a file, for reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestrator.analyse.contract import AuthorRow, ChosenRow, NeededRow, NotChosenRow, TakenRow
from orchestrator.runs.folder import RunFolder

T = TypeVar("T")


@dataclass(frozen=True)
class Kept(Generic[T]):
    """name: of its file."""

    name: str

    def save(self, folder: RunFolder, value: T) -> None:
        """In place of what was kept before."""
        folder.write_json(self.name, value)

    def load(self, folder: RunFolder) -> T | None:
        """None of a run that has none: no check, one where there was nothing to tell, one of before this was kept."""
        value: T | None = folder.read_json(self.name)
        return value


TAKEN: Kept[TakenRow] = Kept("taken.json")  # what it took for its patch
AUTHOR: Kept[AuthorRow] = Kept("author.json")  # how its source is that of the series' author
CHOSEN: Kept[list[ChosenRow]] = Kept("chosen.json")  # which workloads, and why
NOT_CHOSEN: Kept[NotChosenRow] = Kept("not-chosen.json")  # and what that leaves out
NEEDED: Kept[list[NeededRow]] = Kept("needed.json")  # what changed lines need of the config, and what of that was had
