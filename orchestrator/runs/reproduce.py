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
from orchestrator.config import sources
from orchestrator.runs import copies, record
from orchestrator.runs.folder import RunFolder

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
        return _check(matrix, report["offered"]["arches"], [*_memory(report), *_chosen(report), *patches])
    words = ["kmatrix", "run", "--config", request.config.name]
    words += ["--preset", request.preset] if request.preset else []
    words += [f"--workload {shlex.quote(_named(text))}" for text in request.workloads]
    words += [f"--select {shlex.quote(glob)}" for glob in request.select]
    words += [f"--{name} {value}" for name, value in request.overrides.items()]
    return " ".join([*words, *_memory(report)])


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
