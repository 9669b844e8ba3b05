# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix as Markdown."""

from __future__ import annotations

import re

from orchestrator.report import PLAIN, Telling
from orchestrator.report.parts import costs, counters, grid, profile, suite
from orchestrator.report.parts.rows import (
    VARYING,
    claims,
    failures,
    footnotes,
    limits,
    note,
    pairs,
    setting,
    summary,
    told,
)
from orchestrator.runs.run import Run

MOST_COUNTERS = 20  # lines of a comparison


def RENDER(run: Run, telling: Telling = PLAIN) -> str:
    """Tables, one for each pair of kernels, then what failed."""
    report = run.report
    lines = ["# kmatrix", "", setting(report), "", summary(report)]
    lines += [row for line in suite.lines(report) for row in ("", line)]
    lines += grid.markdown(report)
    for base, new in pairs(report):
        lines += [
            "",
            f"| arch | workload | metric | {base} | {new} | change | verdict |",
            "|---|---|---|--:|--:|--:|---|",
        ]
        lines += [
            f"| {r.arch} | {r.workload} | {r.metric} | {r.base_text} | {r.new_text} | {r.change} | {r.verdict} |"
            for r in told(report)
            if (r.base, r.new) == (base, new)
        ]
        shown = dict.fromkeys(r.workload for r in told(report) if (r.base, r.new) == (base, new))
        still = {name: costs.unmoved(report, base, new, name) for name in shown}
        lines += [row for name, text in still.items() if text for row in ("", f"{name}: {text}")]
    for head, found in counters.blocks(report, MOST_COUNTERS):
        lines += ["", f"{head}:", "", *(f"- {_plain(line)}" for line in found)]
    lines += ["", VARYING, "", *(f"- {line}" for line in limits(report))] if limits(report) else []
    if report["claims"]:
        lines += ["", "| claim | text | verdict |", "|---|---|---|"]
        lines += [f"| {name} | {_plain(text)} | {verdict} |" for name, text, verdict, _ in claims(report)]
    lines += [row for line, _ in footnotes(report) for row in ("", _plain(line))]
    if counts := profile.markdown(run):
        lines += ["", "## Where the instructions went", "", *_fenced(counts)]
    for cell in failures(report):
        failure = cell["failure"] or {}
        lines += ["", f"## {cell['id']}: {cell['status']}", "", _plain(failure["message"])]
        if failure["hint"]:
            lines += ["", f"Next: {_plain(failure['hint'])}"]
        if failure["log"]:
            lines += ["", *_fenced(failure["log"])]
    return "\n".join([*lines, "", note(report), ""])


_MARKUP = re.compile(r"<|\||`|(?<!\w)@|\[(?=[^]]*\][(\[:])")


def _plain(text: str) -> str:
    """A kernel's words, or a mail's: no markup, no image, nobody who is called."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", text)


def _fenced(text: str) -> list[str]:
    fence = "```" + "`" * text.count("```")  # longer than any in the text
    return [fence, text.rstrip(), fence]
