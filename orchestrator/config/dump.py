# SPDX-License-Identifier: GPL-2.0-or-later
"""A workload as the files of a folder that is the same workload anywhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.config.workloads import left_out, load
from orchestrator.model import CALLS, Expectation, Workload

DECLARATION = "workload.toml"


def workload_files(workload: Workload) -> dict[str, bytes]:
    """{path below the folder: content}. Of a user's file: all that it is made of, and a declaration that says so."""
    if workload.own is None:
        paths = sorted(path for path in workload.folder.rglob("*") if path.is_file())
        found = {str(path.relative_to(workload.folder)): path.read_bytes() for path in paths}
        if workload.args == load(workload.folder).args:
            return found
        return {**found, DECLARATION: _declaration(workload, "").encode()}
    top = Path(os.path.commonpath([path.parent for path in workload.own.files]))
    found = {str(path.relative_to(top)): path.read_bytes() for path in workload.own.files}
    return {**found, DECLARATION: _declaration(workload, next(iter(found))).encode()}


def _declaration(workload: Workload, program: str) -> str:
    """A workload.toml. Without what is empty, which is what the default says."""
    table = {
        "title": workload.title,
        "unit": workload.unit,
        "program": program,
        "metrics": workload.metrics,
        "args": workload.args,
        "memory_mib": workload.memory_mib,
        "cpus": workload.cpus,
        "clock": workload.clock,
        "disk": asdict(workload.disk) if workload.disk else None,
        "boots": workload.boots,
        "warmup": workload.warmup,
        "waits": workload.waits or None,
        "claims": workload.claims,
        "note": workload.note.removesuffix(left_out(workload.own)).removesuffix("; "),
        "expect": [_expect(one) for one in workload.expectations if not one.metric.startswith(CALLS)],
        "calls": {
            one.metric.removeprefix(CALLS): _calls(one)
            for one in workload.expectations
            if one.metric.startswith(CALLS)
        },
    }
    return "".join(f"{key} = {_value(value)}\n" for key, value in _without_empty(table).items())


def _expect(one: Expectation) -> dict[str, Any]:
    return _without_empty(asdict(one)) | {"tolerance": one.tolerance}


def _calls(one: Expectation) -> dict[str, Any]:
    others = {"linux": one.linux, "claim": one.claim, "arches": one.arches}
    return {**one.values, **_without_empty(others), "tolerance": one.tolerance}


def _without_empty(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value not in (None, "", (), [], {})}


def _value(value: Any) -> str:
    """TOML; its strings and numbers are JSON's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
