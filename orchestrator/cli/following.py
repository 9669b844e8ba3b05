# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check does when its first answer is there: the config follows the patch."""

from __future__ import annotations

import sys

from orchestrator.analyse.contract import MatrixReport
from orchestrator.build.kernel import Builder
from orchestrator.cli.console import note
from orchestrator.config.plan import plan as make_plan
from orchestrator.config.sources import buildable
from orchestrator.engine import Manner, finish, grown, settled, this_command
from orchestrator.errors import InfraError
from orchestrator.measure import follow
from orchestrator.measure.follow import Followed, Following
from orchestrator.measure.host import cores
from orchestrator.model import Comparison, Matrix
from orchestrator.profile.built import Why
from orchestrator.report.parts.needed import refused
from orchestrator.report.parts.words import listed
from orchestrator.runs import copies, of_check
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request
from orchestrator.runs.run import Run

UNPATCHED, PATCHED = "unpatched", "patched"
KEEPS = "; Ctrl-C keeps the answer above"


def after(folder: RunFolder, matrix: Matrix, done: Run, manner: Manner) -> Run | None:
    """The run with what its change needs, which is measured now; None where nothing is to be added."""
    pair = Comparison(UNPATCHED, PATCHED)
    if not all(buildable(kernel.source) for kernel in matrix.kernels):
        return None
    if len(matrix.kernels) > 2:
        if options := _asked_for(done.report):
            _tell(manner, f"{listed(options)} would be needed: left out with --each")
        return None
    if options := _asked_for(done.report):
        _tell(manner, f"its lines need {listed(options)}: kernels are configured to see what can be had")
    builder = Builder.of(matrix, manner.jobs or cores(), unsandboxed=manner.unsandboxed)
    found = _found(Following(matrix, done.report, pair, builder), manner)
    if not found or not found.needed:
        return None
    for line in refused(found.needed):
        _tell(manner, line)
    of_check.NEEDED.save(folder, list(found.needed))
    if not found.more:
        return settled(folder, manner)
    _tell(manner, _cost(found, done.report, builder))
    request = Request(copies.place(folder), "", found.select, {})
    return grown(folder, found.matrix, request, found.more, manner)


def _found(following: Following, manner: Manner) -> Followed | None:
    """The answer that is there does not suffer if it cannot be told what else there could be."""
    try:
        return finish(following(), this_command())
    except InfraError as error:
        _tell(manner, f"not known what its lines need: {error.message}")
        return None


def _cost(found: Followed, report: MatrixReport, builder: Builder) -> str:
    """CONFIG_SWAP needed on s390x: about 4 min; Ctrl-C keeps the answer above"""
    made = make_plan(found.matrix, found.more)
    took = finish(follow.seconds(builder, made, follow.cells_done(made.cells, report), cores()), this_command())
    arches = listed(arch for its in found.options.values() for arch in its)
    return f"{listed(found.options)} needed on {arches}: {cost(took)}"


def cost(seconds: float | None) -> str:
    """about 4 min; Ctrl-C keeps the answer above"""
    told = "how long that takes is not known yet" if seconds is None else f"about {duration(seconds)}"
    return told + (KEEPS if sys.stdout.isatty() else "")


def duration(seconds: float) -> str:
    """40 s, 4 min"""
    return f"{max(10, round(seconds, -1)):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _asked_for(report: MatrixReport) -> list[str]:
    rows = (row for row in report.get("not_built", ()) if row["why"] != Why.OTHER_ARCH and row["option"])
    return list(dict.fromkeys(word for row in rows for word in (row["option"] or "").split()))


def _tell(manner: Manner, *lines: str) -> None:
    note("config", *lines, json=manner.json)
