# SPDX-License-Identifier: GPL-2.0-or-later
"""A run whose config followed its patch: what counts, and who is to blame for what fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from orchestrator.analyse.contract import ChangedRow, IdenticalRow, MatrixReport, NeededRow, ReachRow
from orchestrator.analyse.matrix import assemble, exit_code
from orchestrator.analyse.needed import blameless, stands_for
from orchestrator.analyse.reach import SCHEMA, DifferenceRow, ReachFacts, best
from orchestrator.analyse.slice import sliced
from orchestrator.errors import EXIT_FAILED, EXIT_INFRA, EXIT_OK, EXIT_UNREACHED
from orchestrator.model import CellResult, Comparison, Status
from orchestrator.report.b4check import status
from orchestrator.report.parts.cases import Outcome, cases
from orchestrator.report.parts.sentence import headline
from orchestrator.report.parts.signoff import clean, where
from tests.unit.conftest import HOST, NEW, OFFERED, cell, failed, spared

WITH = ("unpatched+CONFIG_SWAP", "patched+CONFIG_SWAP")
PLAIN = ("unpatched", "patched")


def needed(
    option: str = "CONFIG_SWAP", kernels: tuple[str | None, str | None] = WITH, why: str = "", own: bool = False
) -> NeededRow:
    return NeededRow(
        arch="s390x", base="unpatched", new="patched",
        option=option, own=own, with_base=kernels[0], with_new=kernels[1], why=why,
    )  # fmt: skip


def line(pair: tuple[str, str], state: str, number: int = 7) -> ReachRow:
    return ReachRow(
        arch="s390x", base=pair[0], new=pair[1], file="mm/swapfile.c", line=number, side="added", state=state,
        option="CONFIG_SWAP" if state == "not_built" else None,
        workloads={"shmem-write": 1.0} if state == "ran" else {},
    )  # fmt: skip


def changed(pair: tuple[str, str], built: int) -> ChangedRow:
    return ChangedRow(arch="s390x", base=pair[0], new=pair[1], code=1, built=built)


def report(
    *more: CellResult,
    state: str = "ran",
    rows: Sequence[NeededRow] = (needed(),),
    pairs: Sequence[tuple[str, str]] = (WITH,),
) -> MatrixReport:
    """The plain kernels are the same; more: cells of those with the option. state: of the changed line there."""
    both = [PLAIN, *pairs]
    cells = [cell("s390x", "unpatched", NEW), spared("s390x", "patched"), *more]
    passed = {its.kernel for its in more if its.status is Status.PASSED}
    there = [pair for pair in pairs if pair[1] in passed]
    reach = [line(PLAIN, "not_built"), *(line(pair, state) for pair in there)]
    built = [changed(PLAIN, 0), *(changed(pair, 1) for pair in there)]
    other = DifferenceRow(arch="s390x", base=WITH[0], new=WITH[1], workload="shmem-write", ran=False)
    facts = ReachFacts(schema=SCHEMA, lines=reach, differing=[other], unknown=[])
    same = [IdenticalRow(arch="s390x", base="unpatched", new="patched", how="same")]
    made = assemble(
        cells, [Comparison(*pair) for pair in both], {}, HOST, {}, {"boots": 2, "passes": 1, "clock": "icount"},
        identical=same, changed=built, reach=facts,
    )  # fmt: skip
    return {**made, "identical": same, "changed": built, "needed": list(rows), "offered": OFFERED}


def passing(kernels: Sequence[str] = WITH) -> list[CellResult]:
    return [cell("s390x", kernel, NEW) for kernel in kernels]


def broken(kernel: str) -> CellResult:
    return failed("s390x", kernel, Status.BUILD_FAILED, "compile")


def test_what_ran_with_the_option_counts() -> None:
    alone = report(rows=[], pairs=[])
    assert exit_code(alone) == EXIT_UNREACHED
    found = report(*passing())
    assert exit_code(found) == EXIT_OK
    verdicts = {(row["new"], row["verdict"], row["reached"]) for row in found["comparisons"]}
    assert verdicts == {("patched", "not_reached", False), (WITH[1], "same", True)}
    assert [row["state"] for row in best(found["reach"], stands_for(found))] == ["ran"]
    assert len(best(found["reach"])) == 2, "of kernels of which nothing is known nothing is said together"
    assert clean(found) and status(found) == "pass"
    assert where(found) == "s390x (TCG); also with CONFIG_SWAP; 1 of 1 changed line ran"
    assert headline(found) == "no difference shown, but in 4 of 8 nothing that changed ran."


def test_what_is_built_with_it_and_does_not_run_is_not_reached() -> None:
    found = report(*passing(), state="not_run")
    assert exit_code(found) == EXIT_UNREACHED and not clean(found)
    assert {row["verdict"] for row in found["comparisons"]} == {"not_reached"}


def test_a_patched_kernel_that_fails_with_it_is_the_patches_failure() -> None:
    found = report(cell("s390x", WITH[0], NEW), broken(WITH[1]))
    assert exit_code(found) == EXIT_FAILED and blameless(found) == set()
    assert headline(found).startswith("patched+CONFIG_SWAP does not build on s390x") and status(found) == "fail"


@pytest.mark.parametrize("patched", [broken(WITH[1]), cell("s390x", WITH[1], NEW), failed("s390x", WITH[1])])
def test_a_base_that_fails_with_it_is_not(patched: CellResult) -> None:
    found = report(broken(WITH[0]), patched, state="not_run")
    assert exit_code(found) == EXIT_UNREACHED, "as before the option was tried"
    assert f"s390x/{WITH[0]}/shmem-write" in blameless(found) and status(found) == "warn"
    assert "patched" not in headline(found).partition(";")[0]
    outcomes = {case.name: case.outcome for case in cases(found) if case.kind == "cell"}
    assert outcomes[WITH[0]] is Outcome.SKIPPED and Outcome.FAILED not in outcomes.values()


def test_a_failure_of_the_testbed_stays_one() -> None:
    found = report(cell("s390x", WITH[0], NEW), failed("s390x", WITH[1], Status.INFRA_FAILED, "qemu"))
    assert exit_code(found) == EXIT_INFRA


def test_what_was_not_measured_with_it_yet_is_told() -> None:
    """A person has pressed Ctrl-C."""
    waiting = replace(failed("s390x", WITH[1]), status=Status.SKIPPED)
    assert exit_code(report(cell("s390x", WITH[0], NEW), waiting)) == EXIT_FAILED


def test_of_a_changes_own_option_the_kernel_without_it_is_the_base() -> None:
    pair = ("patched", "patched+CONFIG_NEW")
    row = needed("CONFIG_NEW", pair, own=True)
    found = report(cell("s390x", pair[1], NEW), rows=[row], pairs=[pair])
    assert exit_code(found) == EXIT_OK and stands_for(found) == {pair[1]: "patched"}
    assert {(r["base"], r["verdict"]) for r in found["comparisons"]} == {
        ("unpatched", "not_reached"),
        ("patched", "same"),
    }
    assert exit_code(report(broken(pair[1]), rows=[row], pairs=[pair])) == EXIT_FAILED


def test_its_failure_is_nobodys_where_the_base_fails_already() -> None:
    own = (WITH[1], "patched+CONFIG_SWAP+CONFIG_NEW")
    rows = [needed("CONFIG_NEW", own, own=True), needed()]
    found = report(broken(WITH[0]), broken(WITH[1]), broken(own[1]), rows=rows, pairs=[WITH, own])
    assert len(blameless(found)) == 3 and exit_code(found) == EXIT_UNREACHED


def test_a_part_of_a_report_has_its_own_alone() -> None:
    found: MatrixReport = {**report(*passing()), "needed": [needed(), {**needed(), "arch": "x86_64"}]}
    assert [row["arch"] for row in sliced(found, ["s390x"])["needed"]] == ["s390x"]
