# SPDX-License-Identifier: GPL-2.0-or-later
"""Events: what happens, told once; terminal, JSON lines and tests listen. A class a kind."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from orchestrator.model import CellResult, Status


class Stage(StrEnum):
    """What takes time: of a run, and within a boot."""

    SOURCE = "source"
    BUILD = "build"
    MEASURE = "measure"  # a whole boot; within it, the counted passes
    PROFILE = "profile"
    DEBUG = "debug"  # a kernel watches itself while workloads run
    VARIANT = "variant"  # what is touched is compiled in another config
    SELFTEST = "selftest"  # a kernel runs the tests of its own source
    STATIC = "static"  # objects of two kernels are compiled once more, and compared
    BOOT = "boot"
    LOGIN = "login"
    PUSH = "push"
    WARM_UP = "warm-up"
    SNAPSHOT = "snapshot"
    FETCH = "fetch"


@dataclass(frozen=True)
class Event:
    """subject: the id of a source, build, boot or cell, or what a note is about. time: seconds since 1970.

    kind and the fields of a class are what `run --json` prints: add to them, do not rename.
    """

    kind: ClassVar[str]
    subject: str
    time: float = field(default_factory=time.time, kw_only=True)


@dataclass(frozen=True)
class StageStarted(Event):
    """estimate: the seconds that it took last time; None if never."""

    kind = "stage"
    stage: Stage
    estimate: float | None = None


@dataclass(frozen=True)
class Progress(Event):
    """A boot, or the profile of a cell, goes on to another stage."""

    kind = "progress"
    stage: Stage


@dataclass(frozen=True)
class StageDone(Event):
    """A stage that was started ended well, after so many seconds."""

    kind = "done"
    stage: Stage
    seconds: float


@dataclass(frozen=True)
class StageFailed(Event):
    """A stage that was started did not end well. status: what that makes of a cell."""

    kind = "failed"
    stage: Stage
    message: str
    status: Status


@dataclass(frozen=True)
class KernelKnown(Event):
    """A kernel is there; cached: it was before."""

    kind = "kernel"
    cached: bool
    linux: str


@dataclass(frozen=True)
class KernelsCompared(Event):
    """A kernel (subject) and the one that it is compared with, on one arch. how: same, lines_only, differs; spared:
    nothing is measured of it, because it is the same. left_out: files of the change that are not built, or not all of
    it, each with the option that it would need, or ""; but for those of other architectures."""

    kind = "identical"
    base: str
    how: str
    spared: bool = False
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CellEnded(Event):
    """A cell has its result; resumed: from an earlier start of this run."""

    kind = "cell"
    result: CellResult
    resumed: bool = False

    @property
    def stored(self) -> bool:
        """Nothing of it was measured by this run: all boots are from the store."""
        return self.result.stored


@dataclass(frozen=True)
class Note(Event):
    """What a person must know, in words."""

    kind = "note"
    message: str


@dataclass(frozen=True)
class FirstAnswer(Note):
    """What becomes of the kernel that is asked for, everywhere."""


class Bus:
    """Hands each event to every subscriber, in order of subscription."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """From now on call subscriber with each event."""
        self._subscribers.append(subscriber)

    def emit(self, event: Event) -> None:
        """Tell all subscribers."""
        for subscriber in list(self._subscribers):
            try:
                subscriber(event)
            except Exception as error:  # a view that fails (a closed pipe) must not end a measurement
                self._subscribers.remove(subscriber)
                print(f"kmatrix: a view of the run ended: {error!r}", file=sys.stderr)
