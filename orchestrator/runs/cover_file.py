# SPDX-License-Identifier: GPL-2.0-or-later
"""What a library runs of a kernel, as a file: gzipped JSON, the same bytes for the same figures.

{"schema": 1, "arch": ..., "linux": ..., "config": ..., "library": digest of its files,
 "workloads": [[name, unit, ns per unit], ...],
 "files": {file: {"counts": [[workload's number, how often, workload's number, how often, ...], ...],
                  "functions": [[name, first line, last line, its counts' number, at boot only], ...],
                  "lines": [line, its counts' number, line, its counts' number, ...], "boot": [line, ...]}}}
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import ConfigError
from orchestrator.paths import GUEST_TOOLS
from orchestrator.profile.cover import Cover, Function, Workload

SCHEMA = 1
SHIPPED = GUEST_TOOLS / "covers"
SUFFIX = ".json.gz"


@dataclass(frozen=True)
class Of:
    """Of which kernel a cover is, and of which library."""

    arch: str
    linux: str
    config: str
    library: str


def shipped(arch: str) -> Path:
    """Where that of the default base is, if one is shipped."""
    return SHIPPED / f"{arch}{SUFFIX}"


def encode(of: Of, its: Cover) -> bytes:
    """The file's content."""
    numbers = {name: number for number, name in enumerate(its.workloads)}
    table = {
        "schema": SCHEMA,
        **of.__dict__,
        "workloads": [[name, one.unit, _short(one.ns)] for name, one in its.workloads.items()],
        "files": {
            file: _file(its, file, numbers) for file in sorted({*its.functions, *its.lines})
        },
    }  # fmt: skip
    text = json.dumps(table, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def _short(value: float) -> float | int:
    rounded = float(f"{value:.5g}")
    return int(rounded) if rounded.is_integer() else rounded


def _file(its: Cover, file: str, numbers: Mapping[str, int]) -> dict[str, Any]:
    known: dict[str, int] = {}

    def place(counts: Mapping[str, float]) -> int:
        flat = [word for name, count in counts.items() for word in (numbers[name], _short(count))]
        return known.setdefault(json.dumps(flat, separators=(",", ":")), len(known))

    functions = [
        [name, one.first, one.last, place(one.runs), int(one.boot)]
        for name, one in sorted(its.functions.get(file, {}).items())
    ]
    lines = [word for line, counts in sorted(its.lines.get(file, {}).items()) for word in (line, place(counts))]
    counts = [json.loads(text) for text in known]
    return {"counts": counts, "functions": functions, "lines": lines, "boot": sorted(its.boot.get(file, ()))}


def load(path: Path) -> tuple[Of, Cover]:
    """ConfigError where it cannot be read."""
    try:
        table = json.loads(gzip.decompress(path.read_bytes()))
        if table["schema"] != SCHEMA:
            raise ValueError(f"schema {table['schema']}")
        names = [name for name, _, _ in table["workloads"]]
        return Of(*(table[name] for name in ("arch", "linux", "config", "library"))), Cover(
            workloads={name: Workload(unit, ns) for name, unit, ns in table["workloads"]},
            functions={file: _functions(its, names) for file, its in table["files"].items()},
            lines={file: _lines(its, names) for file, its in table["files"].items()},
            boot={file: set(its["boot"]) for file, its in table["files"].items() if its["boot"]},
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"{path}: this is no account of what a library runs: {error}") from error


def _counts(flat: list[Any], names: list[str]) -> dict[str, float]:
    return {names[number]: float(count) for number, count in zip(flat[::2], flat[1::2], strict=True)}


def _functions(its: Mapping[str, Any], names: list[str]) -> dict[str, Function]:
    counts = [_counts(flat, names) for flat in its["counts"]]
    return {name: Function(first, last, counts[at], bool(boot)) for name, first, last, at, boot in its["functions"]}


def _lines(its: Mapping[str, Any], names: list[str]) -> dict[int, dict[str, float]]:
    counts = [_counts(flat, names) for flat in its["counts"]]
    return {line: counts[at] for line, at in zip(its["lines"][::2], its["lines"][1::2], strict=True)}
