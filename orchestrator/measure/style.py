# SPDX-License-Identifier: GPL-2.0-or-later
"""What the source's own scripts say of a change: of its patches, and of its files what is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.analyse.contract import FindingRow, WatchedRow
from orchestrator.analyse.findings import EVERYWHERE, STATIC, WatchedFacts
from orchestrator.build.style import Style
from orchestrator.build.variants import Said, newly
from orchestrator.config.steps import Pair
from orchestrator.measure.against import Comparing

CHECKPATCH, DOCS = "checkpatch", "kernel-doc"


@dataclass(frozen=True)
class Looking:
    """What all pairs of a run share."""

    comparing: Comparing

    async def __call__(self, pair: Pair) -> WatchedFacts | None:
        """None where the sources have more between them than patches."""
        sources = await self.comparing.change(pair)
        if sources is None:
            return None
        base, new = pair.base.kernel, pair.new.kernel
        builder = self.comparing.builder
        style = Style(builder.store, (await builder.source(new.source)).folder)
        patches = [patch for patch in new.patches if patch not in base.patches]
        told = [await style.patch(patch) for patch in patches]
        files = [file for file in sources.files if file.endswith((".c", ".h"))]
        before, after = await style.docs(base, files), await style.docs(new, files)
        rows = [_row(CHECKPATCH, new.name, one) for said in told for one in said or ()]
        if before is not None and after is not None:
            rows += [_row(DOCS, new.name, one) for one in newly(before, after)]
        return WatchedFacts(
            findings=rows,
            watched=[
                _watched(CHECKPATCH, new.name, [patch.name for patch in patches], None not in told),
                _watched(DOCS, new.name, files, after is not None),
            ],
        )


def left_out(pair: Pair, why: str) -> WatchedFacts:
    """That it was not looked at, and why."""
    return WatchedFacts(findings=[], watched=[_watched(CHECKPATCH, pair.new.kernel.name, [], True, [why])])


def _row(script: str, kernel: str, one: Said) -> FindingRow:
    return FindingRow(
        lane=STATIC, arch=EVERYWHERE, kind=one.kind, where=f"{one.file}:{one.line}" if one.line else one.file,
        message=one.text, kernels=[kernel], log="", function="", lines=[script], runs=[],
    )  # fmt: skip


def _watched(script: str, kernel: str, ran: Sequence[str], there: bool, notes: Iterable[str] = ()) -> WatchedRow:
    more_notes = [] if there else ["this source does not have it"]
    return WatchedRow(
        lane=STATIC, arch=EVERYWHERE, kernel=kernel, lines=script, ran=list(ran) if there else [], failed=[],
        failing=[], left_out=[], notes=[*notes, *more_notes], boots=0, linux="", counts={},
    )  # fmt: skip
