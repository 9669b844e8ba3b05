# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads: a folder each in guest-tools/, with main.c and a workload.toml that declares the rest."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator.arches import known as arches
from orchestrator.collectors import known as collectors
from orchestrator.errors import ConfigError
from orchestrator.evidence import CALLS
from orchestrator.model import Disk, Expectation, Workload
from orchestrator.registry import unknown

_Linux = Annotated[str, Field(pattern=r"^(\s*(>=|<=|==|<|>)\s*\d+(\.\d+)*\s*(,|$))*$")]


class _Expect(BaseModel):
    model_config = ConfigDict(extra="forbid")
    metric: str
    linux: _Linux = ""
    values: dict[str, float] = {}
    change: dict[str, float] = {}
    base: str = "unpatched"
    new: str = "patched"
    at_least: dict[str, float] = {}
    at_most: dict[str, float] = {}
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    claim: str = ""
    accel: str = ""
    clock: str = ""
    arches: tuple[str, ...] = ()

    @model_validator(mode="after")
    def claims(self) -> _Expect:
        """An expectation that expects nothing is a mistake; a figure to be met needs a tolerance."""
        if not (self.values or self.change or self.at_least or self.at_most):
            raise ValueError("expects nothing: give values, change, at_least or at_most")
        if (self.values or self.change) and "tolerance" not in self.model_fields_set:
            raise ValueError("values and change need a tolerance")
        return self


class _Calls(BaseModel):
    """calls.FUNCTION: how often a unit of work calls it, by kernel; judged where there is a profile."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]
    linux: _Linux = ""
    tolerance: Annotated[float, Field(ge=0)] = 0.01
    claim: str = ""
    arches: tuple[str, ...] = ()

    @model_validator(mode="after")
    def says_something(self) -> _Calls:
        """A figure for at least one kernel."""
        if not self.__pydantic_extra__:
            raise ValueError("expects nothing: give a figure for a kernel")
        return self

    def expectation(self, function: str) -> Expectation:
        """As any other."""
        return Expectation(
            metric=CALLS + function,
            linux=self.linux,
            values=self.__pydantic_extra__,
            change={},
            tolerance=self.tolerance,
            claim=self.claim,
            arches=self.arches,
        )


class _Disk(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mib: Annotated[int, Field(gt=0)]
    read_bps: Annotated[int, Field(ge=0)] = 0
    write_bps: Annotated[int, Field(ge=0)] = 0


class _Declaration(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    unit: str
    metrics: list[str]
    args: list[str] = []
    memory_mib: Annotated[int, Field(gt=0)]
    cpus: Annotated[int, Field(ge=1)] = 1
    clock: Literal["", "icount", "wall"] = ""
    disk: _Disk | None = None
    boots: Annotated[int, Field(ge=1)] | None = None
    warmup: Annotated[int, Field(ge=0)] | None = None
    claims: list[str] = []
    note: str = ""
    expect: list[_Expect] = []
    calls: dict[str, _Calls] = {}


def known(folder: Path) -> dict[str, Path]:
    """{name: folder} of all workloads below guest-tools/."""
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/workload.toml"))}


def load(folder: Path) -> Workload:
    """Read one workload's declaration; ConfigError lists all that is wrong in it."""
    path = folder / "workload.toml"
    try:
        declared = _Declaration.model_validate(tomllib.loads(path.read_text()))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    except ValidationError as error:
        rows = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigError("\n".join(rows)) from error
    used = [*declared.metrics, *(e.metric for e in declared.expect)]
    wrong = [unknown("metric", name, collectors()) for name in used if name not in collectors()]
    named = dict.fromkeys(arch for e in declared.expect for arch in (*e.arches, *e.change))
    named |= dict.fromkeys(arch for called in declared.calls.values() for arch in called.arches)
    wrong += [unknown("arch", name, arches()) for name in named if name not in arches()]
    if wrong:
        raise ConfigError("\n".join(f"{path}: {row}" for row in wrong))
    return Workload(
        name=folder.name,
        folder=folder,
        title=declared.title,
        unit=declared.unit,
        metrics=tuple(declared.metrics),
        args=tuple(declared.args),
        memory_mib=declared.memory_mib,
        expectations=(
            *(Expectation(**e.model_dump()) for e in declared.expect),
            *(called.expectation(name) for name, called in declared.calls.items()),
        ),
        cpus=declared.cpus,
        clock=declared.clock,
        disk=Disk(**declared.disk.model_dump()) if declared.disk else None,
        boots=declared.boots,
        warmup=declared.warmup,
        claims=tuple(declared.claims),
        note=declared.note,
    )
