# SPDX-License-Identifier: GPL-2.0-or-later
"""When a stage is late: by what it took with other kernels, and never beyond its limit."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.measure import pace
from orchestrator.measure.pace import Took
from orchestrator.model import KernelProvenance, MachineProvenance, Provenance, WorkloadProvenance
from orchestrator.store import Store

KNOWN = Took(8.0, 5.0)
BASE = Provenance(
    KernelProvenance("debian", (), "options", "gcc", "6.1", "c", "i", "base"),
    WorkloadProvenance("files", ("time",), ("--mib", "64"), "program"),
    MachineProvenance("icount", 1024, 1, "", "tcg", "max", "7.2", "command"),
    "image", 1, 1, 1, "host",
)  # fmt: skip
PATCHED = replace(BASE, kernel=replace(BASE.kernel, patches=("p",), image="j", key="new", linux="6.1.1"))


@pytest.mark.parametrize(
    ("now", "late", "spent", "waited", "over"),
    [
        (Took(8, 5), False, False, False, False),
        (Took(30, 10), False, False, False, False),  # a busy host
        (Took(14, 12.5), True, False, False, False),  # looked into
        (Took(35, 1), True, False, False, False),  # of one that does nothing
        (Took(20, 18.5), True, True, False, False),
        (Took(45, 1), True, False, True, False),
        (Took(200, 17), True, False, True, False),  # a host so busy that nobody can be said to spin
        (Took(90, 81), True, True, True, True),  # whatever it does
        (Took(281, 1), True, False, True, True),
    ],
)
def test_a_stage_is_late_by_what_it_takes(now: Took, late: bool, spent: bool, waited: bool, over: bool) -> None:
    assert pace.late(KNOWN, now, 600) == late
    assert (pace.spent(KNOWN, now), pace.waited(KNOWN, now), pace.over(KNOWN, now, 600)) == (spent, waited, over)


def test_a_stage_of_which_nothing_is_known_has_its_limit_alone() -> None:
    long = Took(580, 500)
    assert not pace.late(None, long, 600) and not pace.spent(None, long) and not pace.waited(None, long)
    assert pace.late(None, Took(586, 1), 600) and not pace.over(None, Took(586, 1), 600)
    assert pace.over(None, Took(599.6, 1), 600)
    assert not pace.late(None, Took(5, 5), 15) and pace.late(None, Took(8, 5), 15), (
        "of a short limit half is left alone"
    )


def test_the_limit_is_the_ceiling() -> None:
    slow = Took(100, 100)
    assert pace.late(slow, Took(8, 1), 15) and pace.over(slow, Took(14.6, 1), 15)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_what_a_kernel_took_is_known_to_another_at_once(store: Store) -> None:
    base, patched = pace.of(store, "s390x", BASE), pace.of(store, "s390x", PATCHED)
    assert patched.took("warm-up") is None
    base.learn({"boot": Took(2, 1), "warm-up": KNOWN})
    assert patched.took("warm-up") == KNOWN and patched.took("boot") == Took(2, 1) and patched.took("measure") is None
    base.learn({"measure": Took(3, 3)})
    assert patched.took("warm-up") == KNOWN, "of another start: one that went on from a snapshot"


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, kernel=replace(BASE.kernel, kconfig="KASAN")),
        replace(BASE, machine=replace(BASE.machine, clock="wall")),
    ],
)
def test_what_is_of_another_machine_or_config_says_nothing(store: Store, other: Provenance) -> None:
    pace.of(store, "s390x", BASE).learn({"boot": KNOWN, "warm-up": KNOWN})
    assert pace.of(store, "s390x", other).took("boot") is None
    assert pace.of(store, "aarch64", BASE).took("boot") is None


def test_of_another_workload_it_is_known_how_long_it_boots(store: Store) -> None:
    pace.of(store, "s390x", BASE).learn({"boot": KNOWN, "warm-up": KNOWN})
    longer = replace(BASE, workload=replace(BASE.workload, args=("--mib", "400")))
    assert pace.of(store, "s390x", longer).took("boot") == KNOWN
    assert pace.of(store, "s390x", longer).took("warm-up") is None
    assert pace.of(store, "s390x", replace(BASE, passes=9)).took("warm-up") is None


def test_a_result_of_before_says_no_more_than_what_is_not_known(store: Store) -> None:
    its = pace.of(store, "s390x", BASE)
    its.learn({"boot": Took(2, 1)})
    its.learn_old({"boot": 99.0, "warm-up": 6.0, "measure (CPU)": 5.0})
    assert its.took("boot") == Took(2, 1) and its.took("warm-up") == Took(6, 6)


@pytest.mark.parametrize("rubbish", ["{", "[]", '{"boot": 3}', '{"boot": [1, 2, 3]}'])
def test_what_cannot_be_read_is_not_known(store: Store, rubbish: str) -> None:
    its = pace.of(store, "s390x", BASE)
    its.learn({"boot": KNOWN})
    for path in (store.root / "timings").iterdir():
        path.write_text(rubbish)
    assert its.took("boot") is None
