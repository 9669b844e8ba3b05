# SPDX-License-Identifier: GPL-2.0-or-later
"""The shape of a JSON value: which keys are where, and of what type. What grows keeps the shape that it had."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Keys below these are names of things (a file, a kernel, a counter), no words of ours.
NAMES = frozenset({
    "absent", "builds", "compiler", "diffs", "expectations", "functions", "guest_image", "inputs", "kernels", "lines",
    "metrics", "notes", "overrides", "patches", "qemu", "sources", "values", "change", "at_least", "at_most",
    "vmstat", "memory_stat", "workloads", "seconds",
})  # fmt: skip


def shape(value: Any, at: str = "", name: str = "") -> set[str]:
    """cells[].metrics.*.boots[][]: number"""
    if isinstance(value, dict):
        inside = [shape(v, f"{at}.{'*' if name in NAMES else k}", k) for k, v in value.items()]
        return set[str]().union({f"{at}: object"}, *inside)
    if isinstance(value, list):
        return set[str]().union({f"{at}: list"}, *(shape(v, f"{at}[]", name) for v in value))
    kinds = {bool: "bool", int: "number", float: "number", str: "text", type(None): "null"}
    return {f"{at}: {kinds[type(value)]}"}


def lacking(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """What the new shape no longer has."""
    return sorted(set(old) - set(new))


def differing(old: Any, new: Any, at: str = "") -> list[str]:
    """Where new does not say all that old says. Objects may have got more keys; lists are as they were."""
    if isinstance(old, dict) and isinstance(new, dict):
        gone = [f"{at}.{key} is gone" for key in old if key not in new]
        return gone + [row for key in old if key in new for row in differing(old[key], new[key], f"{at}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [row for i, pair in enumerate(zip(old, new, strict=True)) for row in differing(*pair, f"{at}[{i}]")]
    return [] if old == new and type(old) is type(new) else [f"{at}: {old!r} before, {new!r} now"]
