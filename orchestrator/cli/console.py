# SPDX-License-Identifier: GPL-2.0-or-later
"""How things are printed for a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from orchestrator import __version__
from orchestrator.errors import KmatrixError
from orchestrator.events import Note
from orchestrator.paths import MATRIX, matrix_file

if TYPE_CHECKING:
    from orchestrator.runs.run import Run

WIDE = 120  # columns where nobody's terminal says otherwise


def printer(stderr: bool = False) -> Console:
    """A console of the terminal's width, or wide enough for the matrix in a file or pipe."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=WIDE)


def say(*lines: str, stderr: bool = False) -> None:
    """Plain lines, as they are: nothing in them is markup, and none is folded. None: nothing."""
    if lines:
        printer(stderr).print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)


def note(subject: str, *lines: str, json: bool) -> None:
    """Lines about a subject, or each as an event."""
    if json:
        from orchestrator.ui import JsonLines  # what only asks for --help need not wait for it

        for line in lines:
            JsonLines(sys.stdout)(Note(subject, line))
    else:
        say(*lines)


def print_error(error: KmatrixError) -> None:
    """Message, log and next step, to standard error."""
    console = printer(stderr=True)
    console.print(Text("error: ", style="bold red").append(Text(error.message, style="default")), soft_wrap=True)
    if error.log:
        console.print(Text(error.log.rstrip(), style="dim"), soft_wrap=True)
    if error.hint:
        console.print(Text(f"next: {error.hint}", style="cyan"), soft_wrap=True)


def took(config: Path | None, quiet: bool = False) -> Path:
    """The matrix file that a command takes; said on standard error, so that JSON and pipes stay clean."""
    found = matrix_file(config)
    if not quiet:
        told = f"the default one of kmatrix {__version__} (kmatrix init writes it out)" if found == MATRIX else found
        say(f"matrix: {told}", stderr=True)
    return found


def print_run(run: Run, folder: Path, profile: bool, more: Sequence[str] = ()) -> None:
    """What a finished run found: the matrix; with profile where the instructions went; more lines; and its folder."""
    from orchestrator.report.parts import profile_rows  # what only asks for --help need not wait for these
    from orchestrator.report.terminal import matrix_view

    printer().print(matrix_view(run.report))
    say(*([profile_rows.profile_text(run.profile, profile_rows.TOP)] if profile else []))
    say(*more, f"run folder: {folder}")
