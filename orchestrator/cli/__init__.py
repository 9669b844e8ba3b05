# SPDX-License-Identifier: GPL-2.0-or-later
"""The command: verbs, and what an error looks like to a person."""

from __future__ import annotations

import gc
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from orchestrator import __version__
from orchestrator.cli.console import print_error, printer
from orchestrator.cli.options import current
from orchestrator.errors import EXIT_INFRA, Interrupted, KmatrixError

OBJECTS = 50_000  # more of them than before are looked through for garbage: modules are none, and each has thousands

# What --help lists, without reading the verbs' files: they import much, and each is read when it is called.
VERBS = {
    "doctor": "Check what the host must have for the matrix file's architectures, and say how to get it.",
    "init": "Write the default matrix file here, to be changed.",
    "plan": "Print the builds, cells and boots of a run, without starting anything.",
    "kconfig": "Configure kernels, build nothing; show where their config differs from Debian's, and why.",
    "build": "Build the kernels of the matrix and nothing else.",
    "run": "Build, boot, measure, compare; write the run folder and print the matrix.",
    "shell": "Boot a guest and open a shell in it.",
    "check": "Does a patch apply, build and boot everywhere, and what does it change?",
    "covers": "Which workloads of the library run a line or a function of the kernel; what they do not run.",
    "bisect": "Name the commit, or the patch of a series, that moved a figure of one cell.",
    "profile": "Say where the instructions went: executed instructions and calls by function, per unit of work.",
    "verify": "Repeat a run's cells here and say, value by value, whether the same came out; if not, what differs.",
    "report": "Show a finished run again; needs neither QEMU nor a compiler.",
    "b4-check": "Answer b4 review from finished runs: the patch's mail on standard input, JSON on standard output.",
    "history": "List recorded runs, or draw what they found over time.",
    "compare": "Hold two finished runs against each other, and say which of their inputs differ. Starts nothing.",
    "nightly": "Measure what changed since last night, hold it against the nights before, and leave a mail to send.",
    "scheduler": "Give out the work of runs to workers, until it is ended.",
    "worker": "Do what a scheduler gives out: build kernels, boot and measure guests, as sandboxed as at home.",
    "clean": "List what the cache holds, or remove kinds of it. Runs are not touched.",
}


class _Verb(TyperCommand):
    """Stands for a verb until it is called."""

    def make_context(self, *arguments: Any, **extra: Any) -> Any:
        """The verb's own, so that all which follows is the verb's."""
        return load(str(self.name)).make_context(*arguments, **extra)


class _Verbs(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: _Verb(name, callback=print, help=text) for name, text in VERBS.items()})

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which they are met, not by the alphabet."""
        return list(VERBS)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Old names of options are taken, too."""
        return super().parse_args(ctx, current(args))


def load(verb: str) -> Any:
    """The command of a verb, from its file."""
    only = typer.Typer()
    import_module(f"orchestrator.cli.{verb.replace('-', '_')}").register(only)
    return typer.main.get_group(only).commands[verb]


app = typer.Typer(
    cls=_Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="What does a kernel patch change, on every architecture that matters, and am I sure?\n\n"
    "Exit codes: 0 all passed and as expected · 1 something measured is not as expected · "
    "2 usage or config · 3 a build, kernel or workload failed · 4 the testbed itself failed · 130 interrupted.",
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kmatrix {__version__}")
        raise typer.Exit


@app.callback()
def kmatrix(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the verb."""


def main() -> None:
    """Run the command; errors end as message, next step, log and exit code."""
    gc.set_threshold(OBJECTS)
    try:
        app()
    except Interrupted as error:
        printer(stderr=True).print(error.message, soft_wrap=True, highlight=False)
        sys.exit(error.exit_code)
    except KmatrixError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        print_error(KmatrixError(str(error), hint="check the file or folder it names", kind="os"))
        sys.exit(EXIT_INFRA)
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        print_error(KmatrixError(f"internal error: {error!r}", hint="please report it", log=trace, kind="internal"))
        sys.exit(EXIT_INFRA)
