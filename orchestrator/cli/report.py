# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that tells what a finished run found."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import proc
from orchestrator import report as formats
from orchestrator.analyse.matrix import exit_code
from orchestrator.analyse.slice import sliced, without
from orchestrator.cli.console import printer
from orchestrator.errors import ConfigError
from orchestrator.registry import pick
from orchestrator.report import Telling
from orchestrator.report.parts import eml
from orchestrator.report.parts.signoff import clean
from orchestrator.report.terminal import matrix_view
from orchestrator.runs import load
from orchestrator.runs.folder import open_run
from orchestrator.series import mbox
from orchestrator.store import write_atomically

FORMATS = "terminal, markdown, json, mail, html, junit, ktap, kcidb or b4check."


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(report)


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    format: Annotated[str, typer.Option("--format", "-f", help=FORMATS)] = "terminal",
    arch: Annotated[
        list[str] | None, typer.Option("--arch", "-a", help="Only this architecture; repeatable.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option("--select", "-s", help="Glob over cell ids; repeatable.")
    ] = None,
    in_reply_to: Annotated[
        Path | None, typer.Option("--in-reply-to", help="With mail: the mail of the patch (.eml, mbox) to reply to.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write this file instead of the screen.")] = None,
) -> None:
    """Show a finished run again; needs neither QEMU nor a compiler.

    Example: kmatrix report runs/2026-11-23-101500 --format mail --in-reply-to patch.eml --out reply.eml
    """
    render = pick("format", format, formats.known())
    if in_reply_to and format != "mail":
        raise ConfigError("--in-reply-to makes a mail", hint="add --format mail")
    whole = load.of_folder(open_run(run))
    matrix = sliced(whole.report, arch or (), select or ())
    if format == "terminal" and not out:
        printer().print(matrix_view(matrix))
        raise typer.Exit(exit_code(matrix))
    signer = git_identity() if format == "mail" else ""
    telling = Telling(without(whole.report, matrix), signer=signer, vouched=clean(whole.report))
    text = render(replace(whole, report=matrix), telling)
    if in_reply_to:
        text = eml.reply(mbox.content(in_reply_to, "the patch's mail, as a file"), text, signer, str(in_reply_to))
    if out:
        write_atomically(out, text)
    else:
        typer.echo(text, nl=False)
    raise typer.Exit(exit_code(matrix))


def git_identity() -> str:
    """Name <address> as git knows it; "" if it does not."""
    found = [asyncio.run(proc.run(["git", "config", f"user.{key}"])).output.strip() for key in ("name", "email")]
    return f"{found[0]} <{found[1]}>" if all(found) else ""
