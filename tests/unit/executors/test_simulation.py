# SPDX-License-Identifier: GPL-2.0-or-later
"""A cluster that is only counted: many machines take as long as the longest chain, and who dies loses nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.config.steps import graph
from orchestrator.executors.cluster import apart
from orchestrator.executors.simulation import Takes, critical, nightly, rows, simulated
from orchestrator.model import Plan, StepKind

DAYS = 365.0


@pytest.fixture(scope="module")
def plan() -> Plan:
    return nightly(architectures=3, workloads=5, kernels=3)


def test_many_machines_take_as_long_as_the_critical_path(plan: Plan) -> None:
    told = [simulated(plan, machines, days=DAYS) for machines in (1, 4, 40)]
    assert [one.makespan for one in told] == sorted((one.makespan for one in told), reverse=True)
    assert 1.0 <= told[-1].makespan / told[-1].critical <= 1.3
    assert all(one.again == 0 for one in told)
    assert len(rows(told)) == 2 + len(told)


def test_who_dies_costs_time_and_no_step(plan: Plan) -> None:
    calm, storm = simulated(plan, 4, days=DAYS), simulated(plan, 4, days=0.01)
    assert storm.again > 0 and storm.makespan > calm.makespan


def test_it_is_the_same_again(plan: Plan) -> None:
    assert simulated(plan, 4, days=0.05) == simulated(plan, 4, days=0.05)


def test_the_critical_path_is_of_the_graph(plan: Plan) -> None:
    steps = graph(plan, profile=True)
    takes = Takes(kernel=1000.0, debug_kernel=0.0, boot=0.0, profile=0.0, watched=0.0, here=0.0, source=0.0)
    assert critical(steps, takes) == 1000.0
    assert critical(steps, replace(takes, debug_kernel=10.0)) == 1010.0


def test_kernels_that_watch_themselves_need_not_wait_for_others(plan: Plan) -> None:
    locks = {lock for step in map(apart, graph(plan)) if step.kind is StepKind.KERNEL for lock in step.locks}
    assert {name.split()[1] for name in locks} == {
        arch.name for arch in {b.arch.name: b.arch for b in plan.builds}.values()
    }
    assert len(locks) == 3 * 3


@pytest.mark.night
def test_a_full_night_on_a_hundred_machines() -> None:
    told = simulated(nightly(), 100)
    assert told.makespan <= 1.3 * told.critical
