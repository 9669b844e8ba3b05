# SPDX-License-Identifier: GPL-2.0-or-later
"""What a patch that does not apply is told with: which hunks are there already, which fail, and where they went."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from orchestrator.errors import BuildError
from orchestrator.series import diff
from orchestrator.series.fit import MOST_FUZZ, Fit, Fitted, Place, fitted, tell

NEAR = ("mm", "include/linux")  # folders where what left a file is looked for, beside its own
MOST_OF_A_NAME = 9  # files
_KINDS = ("*.c", "*.h", "*.S")
_REBASE = "rebase the patch on this source, or name another one (--base, or in matrix.yaml)"


@dataclass(frozen=True)
class Reading:
    """A source with the patches so far: files of these names are below scratch, all others in the pristine tree."""

    pristine: Path
    scratch: Path
    files: Collection[str]
    _known: dict[str, str | None] = field(default_factory=dict)
    _near: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self, name: str) -> str | None:
        """A file's content; None for one that is not there, or not in the source."""
        if name not in self._known:
            path = (self.scratch if name in self.files else self.pristine) / name
            theirs = Path(name).is_absolute() or ".." in Path(name).parts or path.is_symlink() or not path.is_file()
            self._known[name] = None if theirs else path.read_bytes().decode(errors="surrogateescape")
        return self._known[name]

    def nearby(self, name: str) -> tuple[str, ...]:
        """Where else what a file lacks may be: files of its name, and those of folders near it."""
        if name not in self._near:
            self._near[name] = tuple(self._found(name))
        return self._near[name]

    def _found(self, name: str) -> Iterator[str]:
        if ".." in Path(name).parts or Path(name).is_absolute():
            return
        if not (self.pristine / name).is_file():
            wanted = Path(name).name
            places = (Path(place, wanted) for place, _, files in os.walk(self.pristine) if wanted in files)
            yield from self._named(islice(places, MOST_OF_A_NAME))
        for folder in dict.fromkeys((str(Path(name).parent), *NEAR)):
            for kind in _KINDS:
                yield from self._named((self.pristine / folder).glob(kind))

    def _named(self, paths: Iterable[Path]) -> list[str]:
        return sorted(str(path.relative_to(self.pristine)) for path in paths if path.is_file())


class Refused(BuildError):
    """A patch that does not apply; fitted: what became of its hunks."""

    kind = "patch"

    def __init__(self, message: str, hint: str, log: str, fitted: Fitted) -> None:
        super().__init__(message, hint=hint, log=log)
        self.fitted = fitted


def refused(name: str, text: str, output: str, read: Reading) -> BuildError:
    """What patch(1) refuses, in words; output: its own, which are told where it is not for a hunk."""
    fit = fitted(text, read, MOST_FUZZ, read.nearby)
    failing = [place for place in fit.places if place.fit in (Fit.FAILS, Fit.FUZZ)]
    if fit.places and len(fit.there) == len(fit.places):
        hint = "the source has this change already: name a source without it, or leave the patch out"
        return Refused(f"{name} is applied already", hint, "\n".join(tell(fit.places)), fit)
    if not failing and not fit.there:
        first = next((row for row in output.splitlines() if row.strip()), "patch failed")
        return BuildError(f"{name} does not apply: {first}", kind="patch", log=output[-2000:])
    log = "\n".join([*tell(fit.places), *(["", _hunk(text, failing[0])] if failing else [])])
    return Refused(f"{name} does not apply: {_summary(fit, failing)}", _hint(fit), log, fit)


def _summary(fit: Fitted, failing: list[Place]) -> str:
    """hunk #2 of mm/memory.c fails at line 9, and 3 of 7 hunks are in the source already"""
    said = []
    if failing:
        more = f", and {len(failing) - 1} more of {len(fit.places)} fail" if len(failing) > 1 else ""
        said.append(f"hunk #{failing[0].number} of {failing[0].file} fails at line {failing[0].said}{more}")
    if fit.there:
        are = "is" if len(fit.there) == 1 else "are"
        said.append(f"{len(fit.there)} of {len(fit.places)} hunks {are} in the source already")
    if fit.would_do:
        said.append(f"it would apply with fuzz {fit.would_do} (--fuzz {fit.would_do})")
    return "; ".join(said)


def _hint(fit: Fitted) -> str:
    if fit.would_do:
        return f"kmatrix check --fuzz {fit.would_do} applies it so; or {_REBASE}"
    kinds = {place.fit for place in fit.places}
    ways = ["--partial goes on with what applies"] if Fit.APPLIES in kinds else []
    if Fit.FUZZ in kinds:
        ways.append(f"--partial --fuzz {fit.fuzz} " + ("with more of it" if ways else "goes on with what applies so"))
    return f"{_REBASE}; kmatrix check {', '.join(ways)}" if ways else _REBASE


def _hunk(text: str, place: Place) -> str:
    """As it stands."""
    for section in diff.sections(text):
        if place.file in (section.file, section.old) and place.number <= len(section.pieces):
            piece = section.pieces[place.number - 1]
            olds, news = (sum(line.sign != sign for line in piece.lines) for sign in "+-")
            return "\n".join([f"@@ -{piece.old},{olds} +{piece.new},{news} @@{piece.context}", *piece.rows])
    return ""
