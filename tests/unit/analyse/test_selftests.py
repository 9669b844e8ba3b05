# SPDX-License-Identifier: GPL-2.0-or-later
"""Before and after, of the kernel's own tests."""

from orchestrator.analyse.findings import new, only_warnings
from orchestrator.analyse.selftests import LOST, SURVIVES, Outcomes, Tried, facts, not_tried
from orchestrator.model import Comparison

PAIR = Comparison("unpatched", "patched")


def seen(**outcomes: dict[str, str]) -> Outcomes:
    words = {test: f"{test} printed this" for test in outcomes}
    return Outcomes(
        outcomes=outcomes, words=words, took={}, left_out={"hmm-tests": "a module"},
        places={test: f"tools/testing/selftests/vm/{test}" for test in outcomes}, notes=[], boots=1, linux="6.1.192",
    )  # fmt: skip


def both(before: Outcomes, after: Outcomes, again: Outcomes | None = None) -> list[Tried]:
    return [Tried("s390x", "unpatched", (before, again or before)), Tried("s390x", "patched", (after,))]


def test_what_passed_and_fails_is_of_the_change_and_is_told_by_its_part() -> None:
    before = seen(mremap={"": "passed", "moved": "passed", "grown": "passed"})
    after = seen(mremap={"": "failed", "moved": "passed", "grown": "failed"})
    row = only(both(before, after))
    assert (row["arch"], row["kind"], row["where"]) == ("s390x", "test_fails", "tools/testing/selftests/vm/mremap")
    assert row["message"] == "mremap: grown: passed before, failed now"
    assert row["log"] == "selftests/s390x/patched/0/mremap.txt"
    assert row.get("text") == "mremap printed this"
    assert new(row, [PAIR]) and not only_warnings([row])


def test_a_program_without_parts_fails_as_a_whole() -> None:
    assert "as a whole" in only(both(seen(gup={"": "passed"}), seen(gup={"": "failed"})))["message"]


def test_what_fails_on_the_base_too_is_none() -> None:
    assert not found(both(seen(gup={"": "failed"}), seen(gup={"": "failed"})))


def test_what_runs_no_more_is_a_warning() -> None:
    row = only(both(seen(gup={"": "passed"}), seen(gup={"": "skipped"})))
    assert row["kind"] == "test_skipped" and only_warnings([row])


def test_what_differs_by_itself_says_nothing_and_is_named() -> None:
    before, again = seen(gup={"": "passed"}), seen(gup={"": "failed"})
    told = facts(both(before, seen(gup={"": "failed"}), again), [PAIR])
    assert not told["findings"]
    assert told["watched"][1]["notes"] == ["unstable, as they differ between two times of unpatched alone: gup"]


def test_a_new_test_that_fails_is_of_the_change_and_one_that_passes_is_not() -> None:
    before = seen(gup={"": "passed"})
    assert not found(both(before, seen(gup={"": "passed"}, mseal={"": "passed"})))
    assert not found(both(before, seen(gup={"": "passed"}, mseal={"": "skipped"})))
    row = only(both(before, seen(gup={"": "passed"}, mseal={"": "failed"})))
    assert "not there before, failed now" in row["message"]


def test_what_is_fixed_and_what_is_gone_is_told() -> None:
    told = facts(both(seen(gup={"": "failed"}, cow={"": "passed"}), seen(gup={"": "passed"})), [PAIR])
    assert told["watched"][1]["notes"] == ["fixed: gup", "not there any more: cow"]
    assert told["watched"][1]["ran"] == ["gup"] and told["watched"][1]["left_out"] == ["hmm-tests: a module"]


def test_a_kernel_whose_tests_cannot_be_run_is_told() -> None:
    tested = [
        Tried("s390x", "unpatched", (seen(gup={"": "passed"}),)),
        Tried("s390x", "patched", (not_tried("no"),)),
    ]
    told = facts(tested, [PAIR])
    assert not told["findings"] and told["watched"][1]["notes"] == ["no"]


def test_another_architecture_is_not_blamed() -> None:
    good = seen(gup={"": "passed"})
    tested = [
        *both(good, seen(gup={"": "failed"})),
        Tried("x86_64", "unpatched", (good, good)),
        Tried("x86_64", "patched", (good,)),
    ]
    assert [row["arch"] for row in found(tested)] == ["s390x"]


def found(tested: list[Tried]):  # type: ignore[no-untyped-def]
    return facts(tested, [PAIR])["findings"]


def only(tested: list[Tried]):  # type: ignore[no-untyped-def]
    (row,) = found(tested)
    return row


def test_a_kernel_that_a_test_breaks_is_told_also_where_the_test_failed_before() -> None:
    broken = {"": "failed", SURVIVES: "failed"}
    row = only(both(seen(cow={"": "failed", "a": "passed"}), seen(cow=broken)))
    assert row["message"] == "cow: the kernel survives it: passed before, failed now" and row["kind"] == "test_fails"
    assert not found(both(seen(cow=broken), seen(cow=broken)))


def test_parts_that_are_told_no_more_are_told() -> None:
    before = seen(cow={"": "passed", "a": "passed", "b": "passed"})
    row = only(both(before, seen(cow={"": "passed", "a": "passed"})))
    assert row["message"] == "cow: b: passed before, skipped now" and row["kind"] == "test_skipped"
    row = only(both(before, seen(cow={"": "failed", "a": "passed"})))
    assert "as a whole" in row["message"] and row["kind"] == "test_fails"


def test_a_program_that_fails_is_told_beside_a_part_that_is_skipped() -> None:
    before = seen(cow={"": "passed", "a": "passed"})
    kinds = [row["kind"] for row in found(both(before, seen(cow={"": "failed", "a": "skipped"})))]
    assert sorted(kinds) == ["test_fails", "test_skipped"]


def test_what_passed_and_cannot_be_built_now_is_told_and_a_lost_guest_says_nothing() -> None:
    before = seen(cow={"": "passed"}, gup={"": "passed"})
    now = seen(gup={"": "passed"})
    now["left_out"]["cow"] = "it cannot be built: no such member"
    row = only(both(before, now))
    assert row["message"] == "cow: as a whole: passed before, it cannot be built: no such member now"
    now["left_out"]["cow"] = f"{LOST}: no answer"
    assert not found(both(before, now))
