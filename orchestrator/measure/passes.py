# SPDX-License-Identifier: GPL-2.0-or-later
"""What a workload printed, decoded: one sample a pass. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from orchestrator.collectors import known as collectors
from orchestrator.collectors import memory_change, vmstat_change
from orchestrator.errors import WorkloadFailed, printable
from orchestrator.model import PassSample


def decode(text: str, metrics: Sequence[str], passes: int) -> tuple[PassSample, ...]:
    """The samples of a workload's standard output (one JSON line a pass, then a line that says done).

    Raises WorkloadFailed for rubbish, for a missing pass and for a pass without work.
    """
    lines = [_line(row) for row in text.splitlines() if row.strip()]
    samples = tuple(_sample(line, metrics) for line in lines if "done" not in line)
    if not lines or lines[-1].get("done") != passes or len(samples) != passes:
        raise _rubbish(f"{len(samples)} of {passes} passes reported", text)
    if len({(sample.units, *sample.vmstat, *sample.memory_stat) for sample in samples}) > 1:
        raise _rubbish("passes differ in units or in the names of /proc/vmstat or memory.stat", text)
    return samples


def told(text: str, metrics: Sequence[str], passes: Sequence[PassSample]) -> tuple[str, ...]:
    """What a reader of these samples must know: the workload's notes, and metrics that its kernel does not count.

    text is what they were decoded of. Raises WorkloadFailed for notes that are none.
    """
    notes = _line(text.splitlines()[-1]).get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise _rubbish(f"no list of notes: {notes!r:.120}", text)
    lost = [name for name in metrics if any(name not in sample.values for sample in passes)]
    return (*map(printable, notes), *(f"no {name}: this kernel does not count it" for name in lost))


def _line(row: str) -> Mapping[str, object]:
    try:
        line = json.loads(row)
    except (json.JSONDecodeError, RecursionError):
        line = None
    if not isinstance(line, dict) or line.get("kmatrix") != 1:
        raise _rubbish(f"not a result line: {row[:120]!r}", row)
    return line


def _sample(line: Mapping[str, object], metrics: Sequence[str]) -> PassSample:
    try:
        units = int(str(line["units"]))
        found = {name: collect(line) for name in metrics if (collect := collectors()[name].collect)}
        values = {name: value for name, value in found.items() if value is not None}
        vmstat, memory_stat = vmstat_change(line), memory_change(line)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise _rubbish(f"a result line lacks {error}", str(line)[:400]) from error
    if not all(math.isfinite(value) and value >= 0 for value in values.values()):
        raise _rubbish(f"impossible values {values}", str(line)[:400])
    if units <= 0:
        raise _rubbish(f"a pass of {units} units", str(line)[:400])
    return PassSample(units, values, vmstat, memory_stat)


def _rubbish(what: str, text: str) -> WorkloadFailed:
    return WorkloadFailed(
        f"the workload's output is no result: {what}",
        kind="rubbish",
        hint="a workload prints only what guest-tools/common/kmatrix.h prints for it",
        log=text[-1000:],
    )
