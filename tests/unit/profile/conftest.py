# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts of instructions, as profile.json has them."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.profile.cell_account import CellAccount

BASE = {"fault": (4_000_000, 2000), "lock": (20_000, 2000), "gone": (7000, 1000), "same.isra.0": (5000, 1000)}
NEW = {"fault": (3_990_000, 1000), "lock": (10_000, 1000), "same": (4000, 1000), "same.part.0": (1000, 3)}
LONG = "a_function_whose_name_is_far_too_long_for_any_mail_and_has_a_é"
FUNCTIONS = {f"function_{i}": (1000 * (i + 1), 1000) for i in range(30)}
UNPATCHED = {**FUNCTIONS, "handle_mm_fault": (90_000, 2000), LONG: (1000, 0), "<b>": (5000, 1)}
PATCHED = {**FUNCTIONS, "handle_mm_fault": (45_000, 1000), "function_9": (17_000, 1000), LONG: (63_000, 0)}


def raw(kernel: str, functions: dict[str, tuple[int, int]], drift: float = 0.0, units: int = 1000) -> dict[str, Any]:
    """A cell's account whose clock is off by drift (instructions)."""
    total = sum(n for n, _ in functions.values()) + 500
    return {
        "schema": 1, "id": f"s390x/{kernel}/w", "arch": "s390x", "kernel": kernel, "workload": "w", "unit": "page",
        "units": units, "total": total, "clock_profiled": total + drift, "clock_unprofiled": total + 2 * drift,
        "seconds_profiled": 3.0, "seconds_unprofiled": 4.0, "passes_unprofiled": 2, "counters": 99, "interrupts": 400,
        "interrupt_count": 4, "unattributed": 100, "functions": {name: list(row) for name, row in functions.items()},
    }  # fmt: skip


def read(data: dict[str, Any]) -> CellAccount:
    """As it is read from a cell's folder."""
    made: CellAccount = CellAccount._from_json(json.loads(json.dumps(data)))
    return made


def account(
    arch: str, kernel: str, functions: dict[str, tuple[int, int]], line: dict[str, list[int]]
) -> dict[str, Any]:
    return {
        **raw(kernel, functions), "id": f"{arch}/{kernel}/shmem-write", "arch": arch, "workload": "shmem-write",
        "lines": {"mm/memory.c": line}, "lines_why": "", "unlined": 0, "paths_why": "",
        "paths": [[-1, "user:main", 1000], [0, "<i>", 2000], [1, "handle_mm_fault", functions["handle_mm_fault"][0]]],
        "source_functions": [["inlined_somewhere", "mm/memory.c", functions["handle_mm_fault"][0]]],
    }  # fmt: skip
