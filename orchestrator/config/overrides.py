# SPDX-License-Identifier: GPL-2.0-or-later
"""What a verb's options, or the record of an earlier run, change in a Matrix. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.errors import ConfigError
from orchestrator.model import Arch, Clock, Matrix


def changed(matrix: Matrix, overrides: Mapping[str, Any]) -> Matrix:
    """overrides: fields of Measure, as plan.json has them. Whoever asks for a number of boots gets it everywhere."""
    if not overrides:
        return matrix
    values: dict[str, Any] = {name: Clock(value) if name == "clock" else value for name, value in overrides.items()}
    measure = replace(matrix.measure, **values)
    if measure.clock is Clock.ICOUNT and measure.accel == "kvm":
        raise ConfigError(
            "the instruction clock needs TCG", hint="the matrix file says accel: kvm; choose --clock wall"
        )
    if "boots" in overrides:
        matrix = replace(matrix, workloads=tuple(replace(workload, boots=None) for workload in matrix.workloads))
    return replace(matrix, measure=measure)


def with_cpus(arch: Arch, models: Mapping[str, Mapping[str, str]]) -> Arch:
    """models: by arch and accelerator; those that it does not name stay."""
    return replace(arch, cpu={**arch.cpu, **models.get(arch.name, {})})
