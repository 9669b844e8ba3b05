# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads: folders as in guest-tools/ (C files; a workload.toml declares the rest), and files of the user."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator.arches import known as arches
from orchestrator.collectors import known as collectors
from orchestrator.config import programs
from orchestrator.errors import ConfigError
from orchestrator.model import CALLS, COSTS, REPORTS, WATCHED, Disk, Expectation, ProgramKind, UserProgram, Workload
from orchestrator.paths import ADAPTERS, COMMON, GUEST_TOOLS
from orchestrator.registry import counted, unknown
from orchestrator.store import text_of

_NAME = re.compile(r"\w[\w.-]*")
FILE = "workload.toml"
STEADY = 4  # passes until those of will-it-scale's test cases on files cost the same: their pages are active then
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
    config: str = ""
    arches: tuple[str, ...] = ()

    @model_validator(mode="after")
    def claims(self) -> _Expect:
        """An expectation that expects nothing is a mistake; a figure to be met needs a tolerance."""
        if not (self.values or self.change or self.at_least or self.at_most):
            raise ValueError("expects nothing: give values, change, at_least or at_most")
        if (self.values or self.change) and "tolerance" not in self.model_fields_set:
            raise ValueError("values and change need a tolerance")
        return self


class _Figures(BaseModel):
    """calls.FUNCTION: how often a unit of work calls it, by kernel; judged where there is a profile. costs.CLASS: how
    many of it a unit of work executes; judged where that was noted. watched.METRIC: the same of kernels that watch
    themselves, where they were asked; watched.reports: how often they say that something is wrong."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]
    linux: _Linux = ""
    tolerance: Annotated[float, Field(ge=0)] = 0.01
    claim: str = ""
    config: str = ""
    arches: tuple[str, ...] = ()

    @model_validator(mode="after")
    def says_something(self) -> _Figures:
        """A figure for at least one kernel."""
        if not self.__pydantic_extra__:
            raise ValueError("expects nothing: give a figure for a kernel")
        return self

    def expectation(self, metric: str) -> Expectation:
        """The same in the form of an [[expect]]: absolute figures by kernel."""
        return Expectation(
            metric=metric,
            linux=self.linux,
            values=self.__pydantic_extra__,
            change={},
            tolerance=self.tolerance,
            claim=self.claim,
            arches=self.arches,
            config=self.config,
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
    watched_args: list[str] = []
    memory_mib: Annotated[int, Field(gt=0)]
    cpus: Annotated[int, Field(ge=1)] = 1
    clock: Literal["", "icount", "wall"] = ""
    disk: _Disk | None = None
    boots: Annotated[int, Field(ge=1)] | None = None
    warmup: Annotated[int, Field(ge=0)] | None = None
    passes: Annotated[int, Field(ge=1)] | None = None
    nodes: Annotated[int, Field(ge=1, le=2)] = 1
    waits: bool = False
    debug: bool = False
    suites: list[str] = []  # tags: see config/suites.py
    skip: int | None = None  # the exit status by which a program says that it did not run
    claims: list[str] = []
    note: str = ""
    expect: list[_Expect] = []
    calls: dict[str, _Figures | list[_Figures]] = {}  # several: of different versions of Linux, of architectures
    costs: dict[str, _Figures | list[_Figures]] = {}
    watched: dict[str, _Figures | list[_Figures]] = {}


def known(folder: Path) -> dict[str, Path]:
    """{name: folder} of all workloads below guest-tools/."""
    return {
        path.parent.name: path.parent for path in sorted([*folder.glob(f"*/{FILE}"), *folder.glob(f"*/*/{FILE}")])
    }


def library(toolbox: Path) -> dict[str, Path]:
    """The same of the workloads that are one program: guest-tools/AREA/NAME."""
    return {path.parent.name: path.parent for path in sorted(toolbox.glob(f"*/*/{FILE}"))}


def library_files(toolbox: Path) -> dict[str, Path]:
    """{path below the toolbox: file} of all that its library is made of: what areas share, and each workload's."""
    areas = {place.parent for place in library(toolbox).values()}
    paths = (path for area in areas for path in area.rglob("*") if path.suffix in (".c", ".h", ".toml"))
    return {str(path.relative_to(toolbox)): path for path in sorted(paths)}


def library_sources(toolbox: Path) -> list[tuple[str, Path]]:
    """What of it is compiled, with what all programs and this one share: (path below the toolbox, file)."""
    shared = sorted([*(toolbox / COMMON).iterdir(), toolbox / ADAPTERS / "library.c"])
    files = {str(path.relative_to(toolbox)): path for path in shared} | library_files(toolbox)
    return [(name, path) for name, path in files.items() if path.suffix in (".c", ".h")]


def choose(wanted: Sequence[str], table: Mapping[str, Path]) -> tuple[Workload, ...]:
    """Workloads by name (in table) or path, in order; arguments of the program may follow, as in a shell.

    Raises ConfigError with all that is wrong.
    """
    found: dict[str, tuple[str, Workload]] = {}
    wrong: list[str] = []
    for word in dict.fromkeys(wanted):
        try:
            workload = _open(word, table)
        except ConfigError as error:
            wrong.append(error.message + (f" ({error.hint})" if error.hint else ""))
            continue
        before, _ = found.setdefault(workload.name, (word, workload))
        if before != word:
            wrong.append(f"two workloads are called {workload.name}: {before} and {word}; rename one")
    if wrong:
        raise ConfigError("\n".join(wrong), hint=f"{counted(len(wrong), 'error')}; nothing was started")
    return tuple(workload for _, workload in found.values())


def split(word: str) -> tuple[str, ...]:
    """A name or path, and the arguments after it. A path that is there may have spaces in it."""
    if Path(word).exists():
        return (word,)
    try:
        return tuple(shlex.split(word)) or ("",)
    except ValueError as error:
        raise ConfigError(f"--workload {word}: {error}") from error


def _open(word: str, table: Mapping[str, Path]) -> Workload:
    name, *args = split(word)
    if name in table:
        workload = load(table[name])
    else:
        path = Path(name)
        if not path.exists():
            raise ConfigError(f"no such file or folder: {path}, and {unknown('workload', path.name, table)}")
        if path.is_dir() and not (path / FILE).is_file():
            raise ConfigError(f"{path} has no workload.toml", hint="see guest-tools/ for folders that are workloads")
        workload = load(path) if path.is_dir() else load_file(path)
        if not workload.own and not any(path.glob("*.c")):
            raise ConfigError(f"{path} has no C file, and its workload.toml names no program")
    return replace(workload, args=tuple(args), watched_args=()) if args else workload


def load(folder: Path) -> Workload:
    """Read one workload's declaration; ConfigError lists all that is wrong in it."""
    path = folder / FILE
    table = _toml(path)
    program = table.pop("program", None)
    own = replace(programs.identify(folder / str(program)), declared=path) if program is not None else None
    return _workload(folder.name, folder, path, table, own)


def load_file(file: Path) -> Workload:
    """A C file, a program or a script; a file NAME.toml beside it may declare what a workload.toml does."""
    own = programs.identify(file)
    path = file.with_suffix(".toml")
    table = _toml(path) if path.is_file() else {}
    return _workload(file.stem, file.parent, path, table, replace(own, declared=path) if table else own)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text_of(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _defaults(own: UserProgram) -> dict[str, Any]:
    """What need not be declared of a file."""
    title = f"{own.files[0].name}, {own.kind}"
    common = {"title": title, "metrics": ["pgfault", "minflt", "majflt", "time"], "memory_mib": 256}
    if own.kind is ProgramKind.WILL_IT_SCALE:
        return {**common, "unit": "iteration", "warmup": STEADY}
    return {**common, "unit": "run"}


def _workload(name: str, folder: Path, path: Path, table: dict[str, Any], own: UserProgram | None) -> Workload:
    """path is the file that table comes from."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{folder}: a workload's name is letters, digits, dot, dash and underscore, not {name!r}")
    if name in (COMMON, ADAPTERS):
        raise ConfigError(f"{folder}: no workload can be called {name}: that is a folder of {GUEST_TOOLS.name}/")
    try:
        declared = _Declaration.model_validate({**(_defaults(own) if own else {}), **table})
    except ValidationError as error:
        rows = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigError("\n".join(rows)) from error
    _check_names(path, declared)
    shared = own is None and is_toolbox(folder.resolve().parent.parent)
    if own and declared.skip is not None:
        own = replace(own, skip=declared.skip)
    return Workload(
        name=name,
        folder=folder,
        title=declared.title,
        unit=declared.unit,
        metrics=tuple(declared.metrics),
        args=tuple(declared.args),
        watched_args=tuple(declared.watched_args),
        memory_mib=declared.memory_mib,
        expectations=(
            *(Expectation(**e.model_dump()) for e in declared.expect),
            *(figures.expectation(name) for name, figures in _named(declared)),
        ),
        cpus=declared.cpus,
        clock=declared.clock,
        disk=Disk(**declared.disk.model_dump()) if declared.disk else None,
        boots=declared.boots,
        warmup=declared.warmup,
        passes=1 if shared and declared.passes is None else declared.passes,
        nodes=declared.nodes,
        area=folder.resolve().parent.name if shared else "",
        waits=declared.waits,
        debug=declared.debug,
        claims=tuple(declared.claims),
        note="; ".join(text for text in (declared.note, left_out(own)) if text),
        own=own,
        toolbox=folder.resolve().parent.parent if shared else toolbox(folder.parent),
    )


def _named(declared: _Declaration) -> list[tuple[str, _Figures]]:
    """(metric, figures) of these tables."""
    prefixed = ((CALLS, declared.calls), ("", declared.costs), (WATCHED, declared.watched))
    tables = {prefix + name: given for prefix, table in prefixed for name, given in table.items()}
    return [(name, one) for name, given in tables.items() for one in (given if isinstance(given, list) else [given])]


def toolbox(near: Path) -> Path:
    """What has common/ and adapters/: the folder that the workload is in (a run's copies), else the project's."""
    return near if is_toolbox(near) else GUEST_TOOLS


def is_toolbox(folder: Path) -> bool:
    """Does it have what workloads are compiled with?"""
    return (folder / COMMON).is_dir() and (folder / ADAPTERS).is_dir()


def left_out(own: UserProgram | None) -> str:
    """What a report must say of a program that is not for all arches."""
    return (
        f"a ready program for {', '.join(own.arches)}: other architectures are left out" if own and own.arches else ""
    )


def _check_names(path: Path, declared: _Declaration) -> None:
    """Metrics and arches that nobody knows, and expectations of what is not measured."""
    used, measured = [*declared.metrics, *(e.metric for e in declared.expect)], set(collectors()) - set(COSTS)
    wrong = [unknown("metric", name, measured) for name in used if name not in measured]
    wrong += [unknown("class of costs", name, COSTS) for name in declared.costs if name not in COSTS]
    told = {*declared.metrics, REPORTS}
    wrong += [unknown("watched metric", name, told) for name in declared.watched if name not in told]
    named = dict.fromkeys(arch for e in declared.expect for arch in (*e.arches, *e.change))
    named |= dict.fromkeys(arch for _, figures in _named(declared) for arch in figures.arches)
    wrong += [unknown("arch", name, arches()) for name in named if name not in arches()]
    has = f"is expected, but metrics has only {', '.join(declared.metrics)}"
    wrong += [
        f"expect.{number}.metric: {e.metric} {has}"
        for number, e in enumerate(declared.expect)
        if e.metric in collectors() and e.metric not in declared.metrics
    ]
    if wrong:
        raise ConfigError("\n".join(f"{path}: {row}" for row in wrong))
