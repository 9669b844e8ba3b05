# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a guest go on? Looks at program counters, made up, to a verdict."""

from collections import Counter
from collections.abc import Iterable, Sequence

import pytest

from orchestrator.profile import standstill
from orchestrator.profile.lines import Frame
from orchestrator.profile.standstill import LOOKS, USER, Look, Place, State, addresses, hot, judge, loop
from orchestrator.profile.symbols import in_order

NAMES = ["do_fault", "ktime_get", "update", "tick", "rcu", "clear_page", "memcmp", "do_idle", "wait_here"]
SYMBOLS = in_order((0x1000 * (i + 1), 0x1000 * (i + 2), name) for i, name in enumerate(NAMES))


def place(name: str) -> Place:
    return Place(0x42, user=True) if name == USER else Place(0x1000 * (NAMES.index(name) + 1) + 8)


def looks(*cpus: Iterable[str], cpu: float = 0.2, host: float = 0.25) -> list[Look]:
    """A look for each name; cpu, host: seconds between two."""
    rows = list(zip(*cpus, strict=True))
    return [Look(host * n, cpu * n, tuple(map(place, names))) for n, names in enumerate(rows)]


def mixed(*names: str, each: int = 20) -> list[str]:
    return [name for _ in range(each) for name in names]


SPIN = ["do_fault"] * 60


def test_one_that_stays_in_a_function_spins() -> None:
    found = judge(looks(SPIN), SYMBOLS)
    assert found.state is State.SPINS and found.functions == (("do_fault", 1.0),)
    assert found.looks == LOOKS and found.seconds == pytest.approx(0.25 * (LOOKS - 1))
    assert hot(found) == ["do_fault"]


def test_a_loop_calls_functions_and_the_tick_interrupts_it() -> None:
    names = mixed("do_fault", "ktime_get", "do_fault", "update")
    found = judge(looks(names), SYMBOLS)
    assert found.state is State.SPINS and set(hot(found)) == {"do_fault", "ktime_get", "update"}
    names[50], names[70] = "tick", "rcu"
    assert judge(looks(names), SYMBOLS).state is State.SPINS and "rcu" not in hot(judge(looks(names), SYMBOLS))


@pytest.mark.parametrize(
    "names",
    [
        mixed("do_fault", "ktime_get", "update", "tick", "rcu"),  # many functions of the kernel
        mixed("clear_page", "clear_page", USER),  # faults: a program goes on between them
        [USER] * 60,  # a program's own loop is not the kernel's
        mixed(*["do_fault"] * 20, "tick", "memcmp", "rcu", "clear_page", "update", each=3),  # slow, but not for ever
    ],
)
def test_one_that_goes_on_runs(names: Sequence[str]) -> None:
    assert judge(looks(names), SYMBOLS).state is State.RUNS


def test_only_the_last_looks_count() -> None:
    before = mixed("clear_page", USER, "memcmp", "rcu", "tick", each=10)
    assert judge(looks([*before, *SPIN]), SYMBOLS).state is State.SPINS
    assert judge(looks([*SPIN, *before]), SYMBOLS).state is not State.SPINS


def test_it_takes_looks_and_time() -> None:
    assert judge([], SYMBOLS).state is State.UNKNOWN
    assert judge(looks(SPIN[: LOOKS - 1]), SYMBOLS).state is State.UNKNOWN
    assert judge(looks(SPIN, cpu=0.05, host=0.05), SYMBOLS).state is State.UNKNOWN


def test_a_guest_that_gets_no_cpu_does_not_spin() -> None:
    """Its program counter cannot move, however often somebody looks."""
    starved = looks(SPIN * 10, cpu=0.0)
    assert judge(starved, SYMBOLS).state is State.RUNS
    slow = looks(SPIN * 10, cpu=0.005, host=1.0)
    assert judge(slow, SYMBOLS).state is State.RUNS


def test_one_that_is_idle_again_and_again_waits_and_does_not_spin() -> None:
    assert judge(looks(["do_idle"] * 60), SYMBOLS).state is State.WAITS
    assert judge(looks(["wait_here"] * 60), SYMBOLS, ["wait_*"]).state is State.WAITS
    assert judge(looks(["wait_here"] * 60), SYMBOLS).state is State.SPINS, "whose name nobody knows"
    ticking = mixed("do_idle", "tick", "update", "rcu")
    assert judge(looks(ticking), SYMBOLS).state is State.WAITS
    assert judge(looks(["do_idle"] * 60, cpu=0.0), SYMBOLS).state is State.WAITS
    assert judge(looks(mixed("do_idle", USER)), SYMBOLS).state is State.RUNS


def test_while_one_cpu_goes_on_another_may_wait_for_its_lock() -> None:
    goes_on = mixed("clear_page", USER, "memcmp", "rcu", "tick", each=12)
    assert judge(looks(SPIN, goes_on), SYMBOLS).state is State.RUNS
    found = judge(looks(SPIN, ["do_idle"] * 60), SYMBOLS)
    assert found.state is State.SPINS and hot(found) == ["do_fault"], "what the others do is not what it spins in"
    assert set(hot(judge(looks(SPIN, ["memcmp"] * 60), SYMBOLS))) == {"do_fault", "memcmp"}


def test_the_source_s_function_is_the_innermost_that_all_of_the_loop_is_in() -> None:
    outer = Frame("do_fault", "mm/memory.c", 4763)
    frames = {
        1: (Frame("cpu_relax", "asm/processor.h", 20), Frame("do_shared_fault", "mm/memory.c", 4689), outer),
        2: (Frame("do_shared_fault", "mm/memory.c", 4688), outer),
        3: (Frame("do_shared_fault", "mm/memory.c", 4688), outer),
    }
    assert loop(Counter({1: 20, 2: 20, 3: 20}), frames) == Frame("do_shared_fault", "mm/memory.c", 4688)
    assert loop(Counter({1: 20, 2: 20, 9: 10}), frames) is None, "of a part no line is known"
    assert loop(Counter({1: 20}), {1: (Frame("x", "", 0),)}) is None


def test_addresses_of_a_function_are_those_of_all_cpus() -> None:
    seen = looks(["do_fault", "rcu"], ["do_fault", USER])
    assert addresses(seen, SYMBOLS, "do_fault") == {0x1008: 2} and addresses(seen, SYMBOLS, "tick") == {}
    assert standstill.judge(seen, SYMBOLS).functions[0] == ("do_fault", 0.5)
