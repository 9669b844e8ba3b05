# SPDX-License-Identifier: GPL-2.0-or-later
"""KTAP version 1 (Documentation/dev-tools/ktap.rst): architectures, in them workloads, in them the cases."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import printable
from orchestrator.report import PLAIN, Telling
from orchestrator.report.parts import taken
from orchestrator.report.parts.cases import Case, Outcome, cases, grouped
from orchestrator.report.parts.evidence import excerpt
from orchestrator.runs.run import Run


def RENDER(run: Run, telling: Telling = PLAIN) -> str:
    """The text; a parent fails when one of its own does, and is skipped when all are."""
    groups = [(arch, _arch(mine)) for arch, mine in grouped(cases(run.report), lambda case: case.arch).items()]
    said = [f"# | {printable(line)}" for line in taken.lines(run.report)]
    return "\n".join(["KTAP version 1", *said, *_children(groups)]) + "\n"


Node = tuple[list[str], Outcome]  # a subtest's own lines, not indented; how it ended


def _arch(mine: Sequence[Case]) -> Node:
    groups = [(name, _workload(some)) for name, some in grouped(mine, lambda case: case.workload).items()]
    return _children(groups), _whole([outcome for _, (_, outcome) in groups])


def _workload(mine: Sequence[Case]) -> Node:
    lines = [f"1..{len(mine)}"]
    for number, case in enumerate(mine, 1):
        if _bad(case.outcome):  # "| " because a guest that prints "Subtest: x" must not start one
            lines += [f"# | {printable(row)}" for row in (*case.message.splitlines(), *excerpt(case.log))]
        name = f"{case.kind} {case.name}"
        lines.append(_result(number, name, case.outcome, case.message))
    return lines, _whole([case.outcome for case in mine])


def _children(groups: Sequence[tuple[str, Node]]) -> list[str]:
    lines = [f"1..{len(groups)}"]
    for number, (name, (own, outcome)) in enumerate(groups, 1):
        lines += [f"  {row}" for row in ("KTAP version 1", f"# Subtest: {_plain(name)}", *own)]
        lines.append(_result(number, name, outcome))
    return lines


def _result(number: int, name: str, outcome: Outcome, why: str = "") -> str:
    word = "not ok" if _bad(outcome) else "ok"
    directive = {Outcome.SKIPPED: "SKIP", Outcome.ERROR: "ERROR"}.get(outcome, "")
    tail = f" # {directive} {_plain(why)}".rstrip() if directive else ""
    return f"{word} {number} {_plain(name)}{tail}"


def _bad(outcome: Outcome) -> bool:
    return outcome in (Outcome.FAILED, Outcome.ERROR)


def _whole(outcomes: Sequence[Outcome]) -> Outcome:
    if any(map(_bad, outcomes)):
        return Outcome.FAILED
    return Outcome.SKIPPED if set(outcomes) == {Outcome.SKIPPED} else Outcome.PASSED


def _plain(text: str) -> str:
    """One line, and no "#": that starts a directive."""
    return " ".join(printable(text).replace("#", "_").split())
