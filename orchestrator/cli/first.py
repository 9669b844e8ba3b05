# SPDX-License-Identifier: GPL-2.0-or-later
"""The fast answer of a check: does the patched kernel build and boot, told as soon as that is known everywhere."""

from __future__ import annotations

from enum import StrEnum

from orchestrator.events import Bus, Event
from orchestrator.model import CellResult, Plan, Status
from orchestrator.report.parts.sentence import listed

NOTE = "first answer"  # the subject of the note that tells it
ENDS = {Status.KERNEL_BROKE, Status.TIMED_OUT}


class _Known(StrEnum):
    """Of a kernel on one arch."""

    BUILDS = "builds"
    BOOTS = "builds and boots"
    BREAKS = "builds and does not boot"
    FAILS = "does not build"
    UNKNOWN = "could not be tried"


class FirstAnswer:
    """Listens to a run for what becomes of one kernel; emits one note."""

    def __init__(self, bus: Bus, plan: Plan, kernel: str) -> None:
        self._bus = bus
        self._known: dict[str, _Known | None] = {b.id: None for b in plan.builds if b.kernel.name == kernel}
        self._told = not self._known

    def __call__(self, event: Event) -> None:
        build = "/".join(event.subject.split("/")[:2])  # of a build's, a cell's and a boot's id
        if self._told or build not in self._known:
            return
        self._known[build] = self._after(event, self._known[build])
        if not set(self._known.values()) & {None, _Known.BUILDS}:
            self._told = True
            self._bus.emit("note", NOTE, message=self._text())

    def _after(self, event: Event, before: _Known | None) -> _Known | None:
        """What is known of the event's kernel then."""
        if before not in (None, _Known.BUILDS):
            return before
        if event.kind == "kernel":
            return _Known.BUILDS
        if event.kind == "progress" and event.data["stage"] != "boot":
            return _Known.BOOTS  # now, or when the snapshot was made that it goes on from
        if event.kind == "cell" and isinstance(result := event.data["result"], CellResult):
            return _outcome(result.status)
        if event.kind == "failed" and event.data["stage"] == "measure" and event.data["status"] in ENDS:
            return _Known.BREAKS
        return before  # after a failure of the testbed a boot may be repeated: the cell's end tells

    def _text(self) -> str:
        """Outcomes in the order of the enum, each with its arches."""
        parts = []
        for known in _Known:
            where = [build.partition("/")[0] for build, its in self._known.items() if its is known]
            if where:
                parts.append(f"{known.value} on {listed(where)}")
        return "; ".join(parts)


def _outcome(status: Status) -> _Known:
    """Of a kernel of which nothing but a cell's end was seen."""
    if status is Status.BUILD_FAILED:
        return _Known.FAILS
    if status in ENDS:
        return _Known.BREAKS
    return _Known.UNKNOWN if status in (Status.INFRA_FAILED, Status.SKIPPED) else _Known.BOOTS
