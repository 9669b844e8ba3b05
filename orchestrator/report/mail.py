# SPDX-License-Identifier: GPL-2.0-or-later
"""The reply to a patch: plain text that a kernel list accepts, the result in its first sentence."""

from __future__ import annotations

from orchestrator.report import PLAIN, Telling
from orchestrator.report.parts import findings, grid, profile, static
from orchestrator.report.parts.mailtable import tables
from orchestrator.report.parts.mailtext import (
    change_block,
    chosen_block,
    claims_block,
    counters_blocks,
    coverage_block,
    doubts_block,
    failed_blocks,
    kernels_block,
    reach_block,
    suite_block,
    taken_block,
    unexpected_block,
)
from orchestrator.report.parts.paper import command_lines, folded, paragraph
from orchestrator.report.parts.sentence import headline
from orchestrator.report.parts.signoff import offer
from orchestrator.runs.run import Run


def RENDER(run: Run, telling: Telling = PLAIN, offered: bool = True) -> str:
    """ASCII, at most 75 columns; offered: with a Tested-by: line where one may be."""
    report = run.report
    parts = [paragraph(headline(report))]
    parts += [reach_block(report), taken_block(report)]
    parts += [grid.mail(report)]
    parts += failed_blocks(report)
    parts += [findings.mail(report)]
    parts += [change_block(report), chosen_block(report), suite_block(report)]
    parts += tables(report)
    parts += counters_blocks(report)
    parts += profile.mail(run)
    parts += [static.mail(report)]
    parts += [
        unexpected_block(report),
        claims_block(report),
        doubts_block(report),
        coverage_block(report, telling.left_out),
        kernels_block(report),
    ]
    if run.reproduce:
        parts.append(["To reproduce:", "", *command_lines(run.reproduce)])
    parts += [offer(report, telling.signer)] if offered and telling.vouched else []
    text = "\n\n".join("\n".join(folded(part)) for part in parts if part)
    return f"{text}\n"
