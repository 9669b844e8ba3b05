# SPDX-License-Identifier: GPL-2.0-or-later
"""The command that does a run again, as it may be told to others: without this machine's paths."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from orchestrator.analyse import costs
from orchestrator.analyse.contract import MatrixReport
from orchestrator.config import debug, matrix_file, sources, variants
from orchestrator.config.dump import dump
from orchestrator.paths import MATRIX
from orchestrator.runs import copies, record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request

SERIES = "series"  # where check keeps the patches it was given, as it applied them
PREREQUISITES = "prerequisites"  # and those that it applied before them, to all kernels
GIVEN = "given"  # and as they were, where it applied them otherwise
GIVEN_BEFORE = f"{GIVEN}-{PREREQUISITES}"


def command(folder: RunFolder, report: MatrixReport) -> str:
    """kmatrix run, or kmatrix check where the run was one, with what it was asked for; "" where that is not kept."""
    if not (folder.path / record.CONFIG).is_file():
        return ""
    request = record.load_request(folder)
    if request.config.parent.name == copies.FOLDER:
        patches = [*_names(folder, PREREQUISITES, GIVEN_BEFORE), *_names(folder, SERIES, GIVEN)]
        matrix = YAML(typ="safe").load(request.config_text)
        more = [*_setting(matrix), *_memory(report), *_chosen(report), *_right(request)]
        return _check(matrix, report["offered"]["arches"], [*more, *patches])
    words = ["kmatrix", "run", "--config", request.config.name]
    words += ["--preset", request.preset] if request.preset else []
    words += [f"--workload {shlex.quote(_named(text))}" for text in request.workloads]
    words += [f"--select {shlex.quote(glob)}" for glob in request.select]
    words += [f"--{name} {value}" for name, value in request.overrides.items()]
    return " ".join([*words, *_memory(report), *map(shlex.quote, _right(request))])


def _right(request: Request) -> list[str]:
    """How it was asked whether it is right."""
    if request.variants == variants.THOROUGH:  # nothing else asks for those
        return ["--thorough"]
    every = set(request.debug) == set(debug.BUILDS)
    words = ["--debug"] if every else [word for name in request.debug for word in ("--debug-build", name)]
    words += ["--variants"] if request.variants else []
    for its in request.selftests:
        own = Path(its).is_absolute()
        words += ["--selftests"] if its == "*" else ["--tests" if own else "--selftest", _named(its) if own else its]
    return words


def _setting(matrix: Mapping[str, Any]) -> list[str]:
    """Of a check that was not set as kmatrix's own matrix file has it."""
    usual = YAML(typ="safe").load(dump(matrix_file.load(MATRIX), MATRIX.parent))
    others = {name for name in ("config", "kconfig", "cpu") if matrix.get(name, usual[name]) != usual[name]}
    mine = dict(matrix.get("measure", usual["measure"]))
    quick = mine.get("boots") == 1 != usual["measure"]["boots"]
    mine |= {"boots": usual["measure"]["boots"]} if quick else {}
    others |= (
        {"measure"} if any(mine.get(name, value) != value for name, value in usual["measure"].items()) else set()
    )
    return [*(["--config", "matrix.yaml"] if others else []), *(["--quick"] if quick else [])]


def _memory(report: MatrixReport) -> list[str]:
    return ["--memory"] if costs.of_memory(report) else []


def _names(folder: RunFolder, *places: str) -> list[str]:
    return sorted({path.name for place in places for path in (folder.path / place).glob("*")})


def _check(matrix: Mapping[str, Any], offered: list[str], patches: list[str]) -> str:
    """The base is told by its name in matrix.yaml, or as the tree or tarball of whoever does it; arches are named
    where they are not all that were offered."""
    name, source = next(iter(matrix["sources"].items()))
    words = ["kmatrix", "check", "--base", shlex.quote(_base(name, source))]
    words += ["--each"] if any(pair["new"].endswith("-1") for pair in matrix["compare"]) else []
    if set(matrix["arches"]) != set(offered):
        words += [f"--arch {arch}" for arch in matrix["arches"]]
    words += [f"--workload {shlex.quote(_named(text))}" for text in matrix["workloads"]]
    return " ".join([*words, *map(shlex.quote, patches)])


def _chosen(report: MatrixReport) -> list[str]:
    """How a person had the patches applied."""
    if "taken" not in report:
        return []
    taken = report["taken"]
    return [*(["--fuzz", str(taken["fuzz"])] if taken["fuzz"] else []), *(["--partial"] if taken["partial"] else [])]


def _base(name: str, keys: Mapping[str, str]) -> str:
    source = sources.parse(name, keys, _AsTold())
    return sources.kind_of(source).mention(source)


class _AsTold:
    """Paths as another machine's matrix file has them."""

    def existing(self, key: str, name: str) -> Path:
        return Path(name)

    def absolute(self, name: str) -> Path:
        return Path(name)


def _named(workload: str) -> str:
    """A workload's file without the folder it is in here, its arguments as they are."""
    first, blank, rest = workload.partition(" ")
    return Path(first).name + blank + rest
