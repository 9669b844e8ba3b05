# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change ran, and what that makes of verdicts, exit codes and parts of a report."""

from __future__ import annotations

import pytest

from orchestrator.analyse.contract import ChangedRow, MatrixReport, ReachRow, ReachUnknownRow, RunRow
from orchestrator.analyse.matrix import exit_code
from orchestrator.analyse.reach import SCHEMA, DifferenceRow, ReachFacts, best, nothing_ran, silent, summary
from orchestrator.analyse.slice import about, sliced
from orchestrator.errors import EXIT_INFRA, EXIT_OK, EXIT_UNEXPECTED, EXIT_UNREACHED, first
from orchestrator.report.b4check import status
from orchestrator.report.parts.signoff import clean, where
from tests.unit.conftest import BASE, NEW, cell, failed, matrix

PAIR = {"base": "unpatched", "new": "patched"}


def line(arch: str, number: int, state: str, side: str = "added", **workloads: float) -> ReachRow:
    named = {name.replace("_", "-"): count for name, count in workloads.items()}
    return ReachRow(
        arch=arch, **PAIR, file="mm/rmap.c", line=number, side=side, state=state, option=None, workloads=named
    )  # type: ignore[typeddict-item]


def facts(*lines: ReachRow, ran: bool | None = False, unknown: str = "") -> ReachFacts:
    """ran: did an instruction that differs run on s390x?"""
    place = {"arch": "s390x", **PAIR, "workload": "shmem-write"}
    lacking = [ReachUnknownRow(**place, why=unknown)] if unknown else []  # type: ignore[typeddict-item]
    differing = [DifferenceRow(**place, ran=ran)]  # type: ignore[typeddict-item]
    return ReachFacts(schema=SCHEMA, lines=list(lines), differing=differing, unknown=lacking)


def report(reach: ReachFacts | None, before: dict[str, float] = NEW, after: dict[str, float] = NEW) -> MatrixReport:
    """Of one arch, the same before and after unless said otherwise."""
    sides = cell("s390x", "unpatched", before), cell("s390x", "patched", after)
    return matrix(*sides, expected=False, reach=reach)


RAN = line("s390x", 7, "ran", shmem_write=1.0)


def test_where_nobody_looked_all_is_as_it_was() -> None:
    found = report(None)
    assert {row["verdict"] for row in found["comparisons"]} == {"same"} and exit_code(found) == EXIT_OK
    assert {row["reached"] for row in found["comparisons"]} == {None} and "reach" not in found


@pytest.mark.parametrize(
    ("lines", "ran", "unknown", "reached"),
    [
        ([RAN, line("s390x", 8, "not_run")], False, "", True),
        ([line("s390x", 8, "not_run")], False, "", False),
        ([line("s390x", 8, "boot_only")], False, "", False),
        ([line("s390x", 8, "not_built")], False, "", False),
        ([line("s390x", 8, "not_run")], True, "", True),  # an instruction that differs did
        ([line("s390x", 8, "not_run")], None, "", None),
        ([line("s390x", 8, "not_run")], False, "no account", None),
        ([line("s390x", 8, "not_code")], False, "", None),  # data, or a comment
        ([line("s390x", 8, "ran", futex_fault=1.0)], False, "", False),  # in another workload
        ([line("aarch64", 8, "ran", shmem_write=1.0)], False, "", None),  # on another arch
        ([], False, "", None),
    ],
)
def test_what_reached_is(lines: list[ReachRow], ran: bool | None, unknown: str, reached: bool | None) -> None:
    rows = report(facts(*lines, ran=ran, unknown=unknown))["comparisons"]
    assert {row["reached"] for row in rows} == {reached}
    assert {row["verdict"] for row in rows} == {"not_reached" if reached is False else "same"}


def test_what_did_not_run_is_not_said_to_be_the_same() -> None:
    rows = report(facts(line("s390x", 8, "not_run")))["comparisons"]
    assert {(row["verdict"], row["reason"], row["why"]) for row in rows} == {
        ("not_reached", "not_reached", "nothing that changed ran in it")
    }


def test_better_and_worse_stay_with_a_note() -> None:
    rows = {row["metric"]: row for row in report(facts(line("s390x", 8, "not_run")), BASE, NEW)["comparisons"]}
    assert rows["time"]["verdict"] == "better" and rows["time"]["reason"] == "beyond_noise"
    assert rows["time"]["why"].endswith("; no changed line ran: layout or inlining")
    assert rows["minflt"]["verdict"] == "not_reached"  # it moved, and neither way is better


@pytest.mark.parametrize(("ppm", "verdict"), [(100, "not_reached"), (-400, "not_reached"), (600, "worse")])
def test_a_small_move_where_nothing_of_the_change_ran_is_the_layout_s(ppm: float, verdict: str) -> None:
    moved = {**BASE, "time": BASE["time"] * (1 + ppm / 1e6)}
    for state, its in (("not_run", verdict), ("ran", "worse" if ppm > 0 else "better")):
        lines = [line("s390x", 8, state, **({"shmem_write": 1.0} if state == "ran" else {}))]
        rows = {row["metric"]: row for row in report(facts(*lines), BASE, moved)["comparisons"]}
        assert rows["time"]["verdict"] == its and rows["time"]["change"] == pytest.approx(ppm / 1e6, rel=1e-4)


def test_the_exit_code_says_that_nothing_of_the_change_ran() -> None:
    silent = line("s390x", 8, "not_run")
    assert exit_code(report(facts(silent))) == EXIT_UNREACHED
    assert exit_code(report(facts(silent, RAN))) == exit_code(report(facts(line("s390x", 1, "not_code")))) == EXIT_OK
    assert exit_code(report(facts(silent, ran=True))) == EXIT_UNREACHED  # no changed line did
    assert exit_code(report(facts(silent, unknown="no account"))) == EXIT_OK
    assert exit_code(report(facts(line("s390x", 8, "not_built")))) == EXIT_UNREACHED


def test_of_several_exit_codes_one_is_told() -> None:
    assert first(EXIT_UNREACHED, EXIT_OK) == EXIT_UNREACHED
    assert first(EXIT_UNEXPECTED, EXIT_UNREACHED) == EXIT_UNEXPECTED
    assert first(EXIT_UNEXPECTED, EXIT_INFRA, EXIT_UNREACHED) == EXIT_INFRA
    broken = matrix(
        cell("s390x", "unpatched", NEW), failed("s390x", "patched"), reach=facts(line("s390x", 8, "not_run"))
    )
    assert exit_code(broken) == 3
    checked = RunRow(id="x", started=0, kind="check")
    worse: MatrixReport = {**report(facts(line("s390x", 8, "not_run")), NEW, BASE), "run": checked}
    assert exit_code(worse) == EXIT_UNEXPECTED


def test_nobody_vouches_for_what_did_not_run() -> None:
    unseen, reached = report(facts(line("s390x", 8, "not_run"))), report(facts(RAN))
    assert clean(reached) and status(reached) == "pass"
    assert not clean(unseen) and status(unseen) == "warn"
    assert silent(unseen) and nothing_ran(unseen) and not silent(reached) and not nothing_ran(reached)


def test_a_summary_counts_by_arch() -> None:
    rows = summary([RAN, line("s390x", 8, "not_run"), line("s390x", 9, "not_run"), line("aarch64", 8, "not_code")])
    assert [(row["arch"], row["ran"], row["not_run"], row["not_code"]) for row in rows] == [
        ("s390x", 1, 2, 0), ("aarch64", 0, 0, 1),
    ]  # fmt: skip


def test_over_all_architectures_the_best_counts() -> None:
    rows = [line("aarch64", 7, "not_built"), line("aarch64", 8, "not_run"), RAN, line("s390x", 8, "not_built")]
    assert [(row["line"], row["state"]) for row in best(rows)] == [(7, "ran"), (8, "not_run")]
    both = [line("s390x", 7, "ran"), line("s390x", 7, "not_run", side="removed")]
    assert len(best(both)) == 2


def test_a_part_of_a_report_tells_of_itself_alone() -> None:
    cells = [cell(arch, kernel, NEW) for arch in ("aarch64", "s390x") for kernel in ("unpatched", "patched")]
    whole = matrix(*cells, expected=False, reach=facts(RAN, line("aarch64", 7, "not_built"), unknown="why"))
    part = sliced(whole, ["aarch64"])
    assert [row["arch"] for row in part["reach"]] == [row["arch"] for row in part["reach_summary"]] == ["aarch64"]
    assert part["reach_unknown"] == [] and len(sliced(whole)["reach"]) == 2
    assert about(whole, ["patched"])["reach"] == whole["reach"] and about(whole, ["unpatched"])["reach"] == []


def test_a_define_that_nothing_ran_of_is_not_said_to_be_the_same() -> None:
    """It is code by the look of it, and has no line that runs: instructions that differ tell, and figures."""
    defined = facts(line("s390x", 1, "not_code"))
    sides = cell("s390x", "unpatched", NEW), cell("s390x", "patched", NEW)
    unseen = matrix(*sides, expected=False, reach=defined, built={"s390x": 4})
    unseen["changed"] = [ChangedRow(arch="s390x", base="unpatched", new="patched", code=4, built=4)]
    assert {row["verdict"] for row in unseen["comparisons"]} == {"not_reached"}
    assert exit_code(unseen) == EXIT_UNREACHED and not clean(unseen)
    seen = matrix(*sides, expected=False, reach=facts(line("s390x", 1, "not_code"), ran=True), built={"s390x": 4})
    seen["changed"] = unseen["changed"]
    assert exit_code(seen) == EXIT_OK and clean(seen)
    moved = matrix(cell("s390x", "unpatched", BASE), sides[1], expected=False, reach=defined, built={"s390x": 4})
    moved["changed"] = unseen["changed"]
    assert exit_code(moved) == EXIT_OK  # whatever it was that read what changed


def test_an_architecture_where_nothing_ran_is_not_vouched_for() -> None:
    cells = [cell(arch, kernel, NEW) for arch in ("aarch64", "s390x") for kernel in ("unpatched", "patched")]
    rows = facts(RAN, line("aarch64", 7, "not_run"))
    place = {"arch": "aarch64", **PAIR, "workload": "shmem-write"}
    rows["differing"].append(DifferenceRow(**place, ran=False))  # type: ignore[typeddict-item]
    found = matrix(*cells, expected=False, reach=rows)
    assert clean(found) and where(found) == "s390x (TCG); 1 of 1 changed line ran"
    lacking = matrix(*cells[2:], expected=False, reach=facts(unknown="why"))
    assert where(lacking) == "s390x (TCG); not known what ran"
