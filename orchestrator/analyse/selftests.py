# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of the kernel's own came to, before and after: which fail now, or run no more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import TypedDict

from orchestrator.analyse.contract import FindingRow, WatchedRow
from orchestrator.analyse.findings import SELFTEST, TEST_FAILS, TEST_SKIPPED, WatchedFacts
from orchestrator.model import Comparison, Outcome
from orchestrator.registry import few

KIND = "selftests"
MOST = 3  # names of tests that a note names
SURVIVES = "the kernel survives it"  # a part of each test
LOST = "the guest was lost"  # the beginning of why a test was left out, which says nothing of it


class Outcomes(TypedDict):
    """What one kernel's tests came to, once. outcomes: {test: {what it is made of, "" for all of it: outcome}};
    words: {test: the end of what it printed}; left_out: {test: why}; places: {program: its source}; took: s."""

    outcomes: dict[str, dict[str, str]]
    words: dict[str, str]
    took: dict[str, float]
    left_out: dict[str, str]
    places: dict[str, str]
    notes: list[str]
    boots: int
    linux: str


@dataclass(frozen=True)
class Tried:
    """One kernel of one arch; each time it was tried; [] where it could not be, which a note tells."""

    arch: str
    kernel: str
    times: tuple[Outcomes, ...]

    def log(self, test: str) -> str:
        """In the run folder: what it printed."""
        return f"{SELFTEST}s/{self.arch}/{self.kernel}/0/{file_of(test)}"


def file_of(test: str) -> str:
    """gup_test -u: gup_test_-u.txt"""
    return "".join(sign if sign.isalnum() or sign in "-_.+" else "_" for sign in test) + ".txt"


def not_tried(why: str) -> Outcomes:
    """Of a kernel whose tests could not be run."""
    return Outcomes(outcomes={}, words={}, took={}, left_out={}, places={}, notes=[why], boots=0, linux="")


def facts(tested: Sequence[Tried], comparisons: Iterable[Comparison]) -> WatchedFacts:
    """All that is told of them."""
    by_name = {(one.arch, one.kernel): one for one in tested}
    pairs = [
        (by_name[arch, pair.base], by_name[arch, pair.new])
        for pair in comparisons
        for arch in dict.fromkeys(one.arch for one in tested)
        if (arch, pair.base) in by_name and (arch, pair.new) in by_name
    ]
    notes: dict[tuple[str, str], list[str]] = {}
    for base, new in pairs:
        notes.setdefault((new.arch, new.kernel), []).extend(_compared(base, new))
    rows = [row for base, new in pairs for row in _findings(base, new)]
    return WatchedFacts(
        findings=rows, watched=[_watched(one, notes.get((one.arch, one.kernel), [])) for one in tested]
    )


def _findings(base: Tried, new: Tried) -> Iterator[FindingRow]:
    """What passed and fails; what ran and does so no more; what is new and fails."""
    if not (_looked(base) and _looked(new)):
        return
    now, shaky = new.times[0], unstable(base)
    before = base.times[0]["outcomes"]
    for test, outcomes in now["outcomes"].items():
        if test in base.times[0]["left_out"]:
            continue
        worse = [
            (part, how)
            for part, how in (*outcomes.items(), *_gone(before.get(test, {}), outcomes))
            if (test, part) not in shaky and _worse(before.get(test, {}).get(part), how, test in before)
        ]
        for part, how in _told(worse):
            yield _row(base, new, test, part, how)
    for test, why in now["left_out"].items():
        if before.get(test, {}).get("") == Outcome.PASSED and (test, "") not in shaky and not why.startswith(LOST):
            yield _row(base, new, test, "", Outcome.SKIPPED, why)


def _gone(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str]]:
    """Parts that are told no more. Where the whole does not pass, that is why."""
    if now.get("") != Outcome.PASSED:
        return []
    return [(part, str(Outcome.SKIPPED)) for part in before if part not in now]


def _looked(one: Tried) -> bool:
    """A kernel whose tests were not run says nothing, of itself or of another."""
    return bool(one.times and one.times[0]["outcomes"])


def _worse(before: str | None, now: str, known: bool) -> bool:
    """known: is there the test as a whole on the base? What is new of one that there is counts where it fails."""
    if now == Outcome.FAILED:
        return before != Outcome.FAILED
    return now == Outcome.SKIPPED and before == Outcome.PASSED and known


def _told(worse: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """That a program ends as a whole in some way says nothing where it is told which of its tests do."""
    parts = {how for part, how in worse if part}
    return [(part, how) for part, how in worse if part or how not in parts]


def unstable(base: Tried) -> set[tuple[str, str]]:
    """(test, part) whose outcomes differ between two times of one kernel."""
    first = base.times[0]["outcomes"] if base.times else {}
    return {
        (test, part)
        for other in base.times[1:]
        for test in {*first, *other["outcomes"]}
        for part in {*first.get(test, {}), *other["outcomes"].get(test, {})}
        if first.get(test, {}).get(part) != other["outcomes"].get(test, {}).get(part)
    }


def _row(base: Tried, new: Tried, test: str, part: str, how: str, why: str = "") -> FindingRow:
    its = new.times[0]
    kind = TEST_FAILS if how == Outcome.FAILED else TEST_SKIPPED
    before = base.times[0]["outcomes"].get(test, {}).get(part, "passed" if part == SURVIVES else "not there")
    words = its["words"].get(test, "")
    return FindingRow(
        lane=SELFTEST, arch=new.arch, kind=kind, where=its["places"].get(test.partition(" ")[0], ""),
        message=f"{test}: {part or 'as a whole'}: {before} before, {why or how} now", kernels=[new.kernel],
        log=new.log(test), function="", lines=[KIND], runs=[test], text=words, silent=[base.kernel],
    )  # fmt: skip


def _compared(base: Tried, new: Tried) -> Iterator[str]:
    """What else there is to say of two kernels: what is fixed, and what says nothing."""
    if not (_looked(base) and _looked(new)):
        return
    shaky = unstable(base)
    now, before = new.times[0]["outcomes"], base.times[0]["outcomes"]
    fixed = [
        _name(test, part)
        for test, outcomes in now.items()
        for part, how in outcomes.items()
        if how == Outcome.PASSED and before.get(test, {}).get(part) == Outcome.FAILED and (test, part) not in shaky
    ]
    if fixed:
        yield f"fixed: {'; '.join(few(fixed, MOST))}"
    if shaky:
        names = [_name(test, part) for test, part in sorted(shaky)]
        yield f"unstable, as they differ between two times of {base.kernel} alone: {'; '.join(few(names, MOST))}"
    if gone := [test for test in before if now and test not in now and test not in new.times[0]["left_out"]]:
        yield f"not there any more: {'; '.join(few(gone, MOST))}"


def _name(test: str, part: str) -> str:
    return f"{test}: {part}" if part else test


def _watched(one: Tried, notes: Sequence[str]) -> WatchedRow:
    outcomes: Mapping[str, Mapping[str, str]] = one.times[0]["outcomes"] if one.times else {}
    by = {how: [test for test, its in outcomes.items() if its[""] == how] for how in Outcome}
    skipped = [f"{test}: it says that it cannot run here" for test in by[Outcome.SKIPPED]]
    left = one.times[0]["left_out"] if one.times else {}
    return WatchedRow(
        lane=SELFTEST, arch=one.arch, kernel=one.kernel, lines=KIND, ran=by[Outcome.PASSED],
        failed=by[Outcome.FAILED], failing=[], left_out=[*(f"{test}: {why}" for test, why in left.items()), *skipped],
        notes=[*(note for time in one.times[:1] for note in time["notes"]), *notes],
        boots=sum(time["boots"] for time in one.times), linux=one.times[0]["linux"] if one.times else "", counts={},
        lost=[test for test, why in left.items() if why.startswith(LOST)],
    )  # fmt: skip
