# SPDX-License-Identifier: GPL-2.0-or-later
"""Events: what happens, told once; terminal, JSON log and tests listen."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """kind is one of run, stage, done, failed, cell, note; subject a build, boot or cell id.

    stage/done/failed carry data["stage"]; stage may carry data["estimate"] in seconds.
    """

    kind: str
    subject: str
    data: Mapping[str, object] = field(default_factory=dict)
    time: float = field(default_factory=time.time)


class Bus:
    """Hands each event to every subscriber, in order of subscription."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """From now on call subscriber with each event."""
        self._subscribers.append(subscriber)

    def emit(self, kind: str, subject: str, **data: object) -> None:
        """Tell all subscribers."""
        event = Event(kind, subject, data)
        for subscriber in list(self._subscribers):
            try:
                subscriber(event)
            except Exception as error:  # a view that fails (a closed pipe) must not end a measurement
                self._subscribers.remove(subscriber)
                print(f"kmatrix: a view of the run ended: {error!r}", file=sys.stderr)
