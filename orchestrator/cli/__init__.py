# SPDX-License-Identifier: GPL-2.0-or-later
"""The command: verbs, and what an error looks like to a person."""

from __future__ import annotations

import sys
import traceback

import typer

from orchestrator.cli import (
    b4_check,
    build,
    check,
    clean,
    compare,
    doctor,
    history,
    nightly,
    plan,
    profile,
    report,
    run,
    shell,
    verify,
)
from orchestrator.cli.console import print_error, printer
from orchestrator.errors import EXIT_INFRA, Interrupted, KmatrixError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="What does a kernel patch change, on every architecture that matters, and am I sure?\n\n"
    "Exit codes: 0 all passed and as expected · 1 something measured is not as expected · "
    "2 usage or config · 3 a build, kernel or workload failed · 4 the testbed itself failed.",
)
for module in (
    doctor,
    plan,
    build,
    run,
    shell,
    check,
    profile,
    verify,
    report,
    b4_check,
    history,
    compare,
    nightly,
    clean,
):
    module.register(app)


def main() -> None:
    """Run the command; errors end as message, next step, log and exit code."""
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
