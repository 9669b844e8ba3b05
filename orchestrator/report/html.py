# SPDX-License-Identifier: GPL-2.0-or-later
"""One file for a browser: the matrix, figures, and for each cell samples, consoles, commands. Loads nothing."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.errors import printable
from orchestrator.report import PLAIN, Telling
from orchestrator.report.parts import page
from orchestrator.report.parts.profile_rows import LEAST
from orchestrator.runs.run import Run

PARTS = Path(page.__file__).parent


def RENDER(run: Run, telling: Telling = PLAIN) -> str:
    """All that comes from guests is escaped by the template; the browser is told to run the sorting alone."""
    place = Environment(
        loader=FileSystemLoader(PARTS),
        autoescape=True,
        finalize=_plain,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    place.filters |= {"signed": _signed, "count": _count}
    script = place.get_template("sort.js.j2").render().strip()
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return place.get_template("page.html.j2").render(
        script=script, allowed=allowed, **page.content(run, telling)
    ).rstrip() + "\n"  # fmt: skip


def _signed(number: float) -> str:
    """Nothing is neither more nor less."""
    return f"{number:+.2f}" if abs(number) >= LEAST else "0.00"


def _count(number: float | None) -> str:
    """Of a line: empty where it is not, or nothing of it was executed."""
    return f"{number:.2f}" if number else ""


def _plain(value: object) -> object:
    """Text without control characters, which no markup can carry."""
    return printable(value) if type(value) is str else value
