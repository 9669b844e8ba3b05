# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches made to fit a source as a person chose: with fuzz, or without what does not apply. All of it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.build.patches import apply_one, text_of
from orchestrator.build.refusal import Reading, Refused
from orchestrator.errors import BuildError
from orchestrator.series import diff
from orchestrator.series.fit import Fit, Fitted, Place, fitted


@dataclass(frozen=True)
class Adapted:
    """texts: of each patch as it applies; None: as it stands; "": nothing of it does. fuzz: the most that was needed.

    told: what was done otherwise than the patches say.
    """

    texts: tuple[str | None, ...]
    fuzz: int
    told: tuple[str, ...]


async def adapted(pristine: Path, scratch: Path, patches: Sequence[Path], fuzz: int, partial: bool) -> Adapted:
    """The patches one upon another, below scratch, with as little fuzz as will do; partial: hunks that fail, or are
    there already, are left out. BuildError where a patch does not apply even so."""
    texts: list[str | None] = []
    told: list[str] = []
    files: set[str] = set()
    most = 0
    for patch in patches:
        text = text_of(patch)
        try:
            files = await apply_one(pristine, scratch, patch.name, text, files)
            texts.append(None)
        except Refused as error:
            fit = fitted(diff.bare(text), Reading(pristine, scratch, files), fuzz)
            if not partial and (fit.fails or fit.there):
                raise
            if fit.text.strip():
                mended = text[: max(diff.start(text), 0)] + fit.text.rstrip("\n") + "\n"
                try:
                    files = await apply_one(pristine, scratch, patch.name, mended, files)
                except BuildError:
                    raise error from None
            else:
                mended = ""
            texts.append(mended)
            told += _told(patch.name, fit)
            most = max(most, fit.fuzz)
    return Adapted(tuple(texts), most, tuple(told))


def _told(name: str, fit: Fitted) -> list[str]:
    if not fit.text.strip():
        why = "the source has all of it already" if len(fit.there) == len(fit.places) else "nothing of it applies"
        return [f"{name}: left out: {why}"]
    return [f"{name}: {_hunk(place)}" for place in fit.places if place.fit is not Fit.APPLIES]


def _hunk(place: Place) -> str:
    hunk = f"hunk #{place.number} of {place.file} (line {place.said})"
    if place.fit is Fit.FUZZ:
        return f"{hunk} applied at line {place.line} with fuzz {place.fuzz}"
    return f"{hunk} left out: " + ("the source has it already" if place.fit is Fit.THERE else "it does not apply")
