# SPDX-License-Identifier: GPL-2.0-or-later
"""What a search came to, as a value for bisect.json and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.bisect.chain import Chain, Change
from orchestrator.bisect.figures import Figure, finding
from orchestrator.bisect.hunt import Culprit, Found
from orchestrator.collectors import Collector
from orchestrator.errors import EXIT_FAILED, EXIT_OK, EXIT_UNEXPECTED
from orchestrator.model import Verdict
from orchestrator.registry import counted, figure

FILE = "bisect.json"
TOLD = 9  # changes of one answer, at most


@dataclass(frozen=True)
class Answer:
    """cell: aarch64/shmem-write; lost: {kernel: why it has no figure}; kernels: how many were measured."""

    chain: Chain
    found: Found
    cell: str
    metric: str
    how: Collector
    unit: str  # of work
    kernels: int
    lost: Mapping[str, str]

    @property
    def code(self) -> int:
        """Of the verb: 1 something got worse; 3 an end has no figure."""
        if None in self.found.ends:
            return EXIT_FAILED
        bad = any(self._verdict(its) is Verdict.WORSE for its in self.found.culprits)
        return EXIT_UNEXPECTED if bad else EXIT_OK

    @property
    def shown_unit(self) -> str:
        """ns per page"""
        return f"{self.how.shown_unit} per {self.unit}".strip()

    def lines(self) -> list[str]:
        """For a person."""
        return [self._head(), *(self.line(its) for its in self.found.culprits), *self._rest()]

    def line(self, its: Culprit) -> str:
        """commit 1a2b3c4d5e6f "mm: do more": time +3.00 ns per page (+0.07%), worse; in the merge 5e6f... "..." """
        who = [change.text for change in its.changes[:TOLD]]
        if len(its.changes) > TOLD:
            who.append(f"{len(its.changes) - TOLD} more")
        why = "" if self.found.whole else ", or not looked at"
        many = len(its.changes)
        among = f"one of {many} that do not build or run by themselves{why}: " if many > 1 else ""
        via = "".join(f"; it came with {merge.text}" for merge in its.via[-1:])
        return f"{among}{', '.join(who)}: {self.metric} {self._moved(its.before, its.after)}{via}"

    def _head(self) -> str:
        older, newer = self.found.ends
        what = f"{self.cell} {self.metric}, {counted(len(self.chain.changes), 'change')}"
        if older is None or newer is None:
            end, name = ("older", 0) if older is None else ("newer", len(self.chain.changes))
            kernel = self.chain.kernel(name)
            why = self.lost.get(kernel, "it was not measured before the time was up")
            return f"{what}: the {end} end ({kernel}) has no figure: {why.splitlines()[0]}"
        values = [f"{its.per_unit(self.how):.{self.how.digits}f}" for its in (older, newer)]
        if not self.found.culprits:
            return f"{what}: no difference between its ends, {values[0]} and {values[1]} {self.shown_unit}"
        return f"{what}: {values[0]} -> {values[1]} {self.shown_unit}"

    def _rest(self) -> list[str]:
        lost = [f"no figure of {kernel}: {why.splitlines()[0]}" for kernel, why in self.lost.items()]
        told = lost[:TOLD] + ([f"and of {len(lost) - TOLD} more"] if len(lost) > TOLD else [])
        beside = max(0, self.kernels - 2)
        if not self.found.culprits and None not in self.found.ends:
            told.append("what a change does and a later one undoes is not seen so: let the range end between them")
        rows = [*told, f"measured: {counted(beside, 'kernel')} beside the two ends, one pass each"]
        return rows if self.found.whole else [*rows, "not all was looked at: it was stopped before the end"]

    def _moved(self, before: Figure, after: Figure) -> str:
        """+3.00 ns per page (+0.07%), worse"""
        old, new = before.per_unit(self.how), after.per_unit(self.how)
        part = (new - old) / abs(old) * 100 if old else 0.0
        share = f" ({part:+.2f}%)" if abs(part) >= 0.1 else f" ({part:+.2g}%)" if old else ""
        verdict = finding(before, after, self.how).verdict
        word = f", {verdict}" if verdict in (Verdict.BETTER, Verdict.WORSE) else ""
        return f"{figure(new - old, max(2, self.how.digits), '+')} {self.shown_unit}{share}{word}"

    def _verdict(self, its: Culprit) -> Verdict:
        return finding(its.before, its.after, self.how).verdict

    def json(self) -> dict[str, Any]:
        """bisect.json. A contract: add to it, do not rename. Figures are per unit of work, in `unit`."""
        older, newer = (its and its.per_unit(self.how) for its in self.found.ends)
        return {
            "schema": 1,
            "cell": self.cell,
            "metric": self.metric,
            "unit": self.shown_unit,
            "changes": [_row(change) for change in self.chain.changes],
            "older": older,
            "newer": newer,
            "culprits": [
                {
                    "changes": [_row(change) for change in its.changes],
                    "merges": [_row(change) for change in its.via],
                    "before": its.before.per_unit(self.how),
                    "after": its.after.per_unit(self.how),
                    "verdict": self._verdict(its).value,
                }
                for its in self.found.culprits
            ],
            "lost": dict(self.lost),
            "kernels": self.kernels,
            "whole": self.found.whole,
        }


def _row(change: Change) -> dict[str, str]:
    return {"name": change.name, "title": change.title, "commit": change.commit}
