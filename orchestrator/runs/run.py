# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run is for those who tell of it: one value, finished or not, with all that was read of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.analyse.contract import MatrixReport, RunRow
from orchestrator.profile.comparison import SCHEMA, ProfileReport


@dataclass(frozen=True)
class Start:
    """One start of a guest: the way to the workload, or the counted passes from a snapshot of it."""

    title: str  # boot 0; boot 0, counted from its snapshot
    command: str  # QEMU's
    console: str  # its last lines
    complaint: str  # what QEMU itself said


@dataclass(frozen=True)
class Run:
    """A matrix, and what is known of its making. All but the report may be missing: a matrix.json is enough.

    The report may be a part of the run's (analyse.slice); the rest is the whole run's.
    """

    report: MatrixReport
    profile: ProfileReport = field(default_factory=lambda: ProfileReport(schema=SCHEMA, cells=[], differences=[]))
    starts: Mapping[str, Sequence[Start]] = field(default_factory=dict)  # by cell id, in order
    logs: Mapping[str, str] = field(default_factory=dict)  # by build id: the last lines that make printed
    changes: Mapping[tuple[str, str], str] = field(default_factory=dict)  # by base and new: their sources' diff
    diffs: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by kernel: series.diff.ids() of its patches
    reproduce: str = ""  # the command that does it again
    page: str = ""  # URL of the HTML page that lies beside it
    place: Path | None = None  # where it was read from: a run folder, or a matrix.json
    identity: RunRow | None = None  # always there where it was read from a place
