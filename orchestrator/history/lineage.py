# SPDX-License-Identifier: GPL-2.0-or-later
"""What a cell's figures rest on, kernel and all else apart: only the first may differ along a line. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from orchestrator.analyse.contract import CellRow, MatrixReport
from orchestrator.analyse.differences import SETTINGS

UNKNOWN = "not recorded"


def rests_on(report: MatrixReport, cell: CellRow) -> dict[str, str]:
    """{what, as a reader names it: which one}, for all that is not the kernel's source. The emulator's version is
    none of them: it must not matter, and that is verified. The machine is one where figures vary."""
    build = f"{cell['arch']}/{cell['kernel']}"
    files = report.get("inputs", {})
    own = {
        name.removeprefix("guest-tools/"): file["sha256"]
        for name, file in files.items()
        if name.startswith((f"guest-tools/{cell['workload']}/", "guest-tools/common/"))
    }
    wanted = files.get(f"kconfig/{build}")
    host = report["host"]
    image = host.get("guest_image", {})
    return {
        "compiler": str(report["kernels"].get(build, {}).get("compiler", UNKNOWN)),
        "kconfig": wanted["sha256"] if wanted else UNKNOWN,
        "workload": _together(own),
        "program": cell["workload_sha256"] or UNKNOWN,
        "guest image": str(image.get(cell["arch"], UNKNOWN)),
        "clock": cell["clock"],
        "accel": cell["accel"] or UNKNOWN,
        "CPU": cell["cpu"] or UNKNOWN,
        "work of a pass": f"{cell['units']} {cell['unit']}",
        "kmatrix": str(host.get("kmatrix", UNKNOWN)),
        **({} if cell["exact"] else {"machine": _machine(host)}),
        **{f"measure.{name}": str(report["measure"].get(name, UNKNOWN)) for name in SETTINGS if name != "clock"},
    }


def kernel(report: MatrixReport, cell: CellRow) -> dict[str, str]:
    """The kernel that was measured: source, patches, Linux version."""
    info = report["kernels"].get(f"{cell['arch']}/{cell['kernel']}", {})
    patches: Mapping[str, Any] = info.get("patches", {})
    return {
        "source": str(info.get("source", UNKNOWN)),
        "patches": ", ".join(f"{name} ({str(sha)[:12]})" for name, sha in patches.items()),
        "linux": cell["linux"],
    }


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """compiler: gcc 12 before, gcc 14 now; in the order of rests_on()."""
    return [
        f"{name}: {_short(old.get(name, UNKNOWN))} before, {_short(new.get(name, UNKNOWN))} now"
        for name in dict.fromkeys([*old, *new])
        if old.get(name, UNKNOWN) != new.get(name, UNKNOWN)
    ]


def _machine(host: Mapping[str, Any]) -> str:
    """AMD EPYC 7B13, 8 cores, 31 GiB; no name, for a machine that is hired by the night has another one each time."""
    if "cores" not in host:
        return UNKNOWN
    memory = round(host.get("memory_mib", 0) / 1024)
    return f"{host.get('cpu') or host.get('machine', '?')}, {host.get('cores', '?')} cores, {memory} GiB"


def _together(files: Mapping[str, str]) -> str:
    return (
        hashlib.sha256("\n".join(f"{k} {v}" for k, v in sorted(files.items())).encode()).hexdigest()
        if files
        else UNKNOWN
    )


def _short(value: str) -> str:
    """A sha256 as people quote it."""
    is_hash = len(value) == 64 and not set(value) - set("0123456789abcdef")
    return f"sha256 {value[:12]}" if is_hash else value
