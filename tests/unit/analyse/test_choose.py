# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads are chosen by what runs of the changed functions."""

from __future__ import annotations

from orchestrator.analyse.choose import AS_CONTROL, MOST, choose, named
from orchestrator.profile.changed import Place, Spot
from orchestrator.profile.cover import Cover, Function, Workload

MOVE, TOGGLE, ZAP = "mm/mremap.c", "mm/mprotect.c", "mm/memory.c"


def cover(**runs: dict[str, float]) -> Cover:
    """Of functions by name, each in a file of its own; all workloads take 1,000 instructions a unit."""
    files = {"move_ptes": MOVE, "change_pte_range": TOGGLE, "zap": ZAP}
    names = dict.fromkeys([*(name for its in runs.values() for name in its), *AS_CONTROL])
    functions: dict[str, dict[str, Function]] = {}
    for function, its in runs.items():
        functions.setdefault(files[function], {})[function] = Function(1, 9, its)
    return Cover({name: Workload("call", 1000.0) for name in names}, functions, {})


def test_each_changed_function_has_a_workload_while_there_is_room() -> None:
    runs = {f"often-{i}": 100.0 + i for i in range(2 * MOST)}
    its = cover(move_ptes=runs, change_pte_range={"seldom": 0.5})
    choice = choose({"x86_64": [(MOVE, "move_ptes"), (TOGGLE, "change_pte_range")]}, {"x86_64": its})
    measured = choice.workloads[:-2]
    assert "seldom" in measured and len(measured) == MOST
    assert measured[0] == f"often-{2 * MOST - 1}" and "often-0" in choice.others
    assert choice.workloads[-2:] == AS_CONTROL[:2] and not choice.unrun


def test_a_control_does_not_run_what_is_changed() -> None:
    its = cover(zap={AS_CONTROL[0]: 1.0})
    choice = choose({"x86_64": [(ZAP, "zap")]}, {"x86_64": its})
    assert choice.workloads == (AS_CONTROL[0], *AS_CONTROL[1:3])
    assert [row["control"] for row in choice.rows] == [False, True, True]


def test_all_architectures_measure_the_same_and_say_where_it_runs() -> None:
    here, there = cover(zap={"exit": 512.0}), cover(zap={"exit": 0.0})
    there = Cover(there.workloads, {ZAP: {"zap": Function(1, 9, {})}}, {})
    choice = choose({"x86_64": [(ZAP, "zap")], "s390x": [(ZAP, "zap")]}, {"x86_64": here, "s390x": there})
    why = {row["arch"]: row["why"] for row in choice.rows if not row["control"]}
    assert why == {"x86_64": "runs zap() 512.0 times per unit", "s390x": "runs it on another architecture"}


def test_a_function_that_nothing_runs_is_named() -> None:
    choice = choose({"x86_64": [(ZAP, "zap")]}, {"x86_64": cover(zap={})})
    assert choice.unrun == ((ZAP, "zap"),) and set(choice.workloads) <= set(AS_CONTROL)


def test_functions_are_found_by_the_words_of_their_heads() -> None:
    its = cover(zap={"exit": 1.0})
    assert named([Place(ZAP, frozenset({"static", "zap", "int"}), "")], its) == [(ZAP, "zap")]
    assert named([Place(MOVE, frozenset({"zap"}), "")], its) == []


def test_who_runs_the_changed_lines_comes_before_who_runs_the_function() -> None:
    """mprotect() to what it is already: the branch is run by one, the function by all."""
    its = cover(change_pte_range={"toggle": 900.0, "same": 1.0, "split": 4.0})
    lines = {TOGGLE: {7: {"toggle": 900.0, "same": 1.0, "split": 4.0}, 8: {"same": 1.0}}}
    its = Cover(its.workloads, its.functions, lines)
    spot = Spot(TOGGLE, (7, 6, 5), (8, 9, 10))
    choice = choose({"x86_64": [(TOGGLE, "change_pte_range")]}, {"x86_64": its}, [spot])
    assert choice.workloads[:-2] == ("same",) and set(choice.others) == {"toggle", "split"}
