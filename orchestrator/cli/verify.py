# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that repeats a run and says whether the same came out."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.analyse import costs
from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.matrix import exit_code
from orchestrator.analyse.verify import OFF, SAME, STATUS, UNSURE, VARIES, Value, Verified, verify
from orchestrator.cli.console import printer, took
from orchestrator.cli.options import Executor, History, Select, Unsandboxed, Workers
from orchestrator.config import matrix_file
from orchestrator.config.overrides import with_cpus
from orchestrator.config.plan import chosen_ids
from orchestrator.config.plan import plan as make_plan
from orchestrator.engine import Manner, asked, measured, this_command
from orchestrator.errors import EXIT_UNEXPECTED, ConfigError, first
from orchestrator.events import Stage
from orchestrator.model import Matrix, Status
from orchestrator.runs import copies, record
from orchestrator.runs.folder import RunFolder, new_run, open_run
from orchestrator.runs.load import load
from orchestrator.runs.record import Request

STYLES = {SAME: "green", VARIES: ""}


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command("verify")(verify_run)


def verify_run(
    recorded: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or somebody's matrix.json.")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The matrix file; default: the run's, else as for run.")
    ] = None,
    as_recorded: Annotated[
        bool, typer.Option("--recorded", help="From the run's own copies of patches, kconfig and workloads.")
    ] = False,
    select: Select = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The new run's folder; default: runs/verify-DATE.")
    ] = None,
    snapshots: Annotated[
        bool, typer.Option("--from-snapshots", help="Faster: repeat from kept snapshots, not from a boot.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="verify.json on standard output, no tables.")] = False,
    unsandboxed: Unsandboxed = False,
    executor: Executor = "",
    workers: Workers = 2,
    history: History = None,
) -> None:
    """Repeat a run's cells here and say, value by value, whether the same came out; if not, what differs.

    With the matrix, patches and workloads that are here, on the CPUs that the run had; a difference of theirs is
    named. --recorded takes the run's copies instead: then only the machine can differ. Exit code 0: the same; 1: not.

    Example: kmatrix verify runs/2026-11-23-101500
    """
    before = _selected(load(recorded).report, select or [])
    noted = any(map(costs.told, before["cells"]))
    manner = Manner(
        quiet=as_json, fresh=True, reach=noted, memory=costs.of_memory(before), kind="verify", history=history,
        again=this_command(), unsandboxed=unsandboxed, executor=executor, workers=workers,
    )  # fmt: skip
    with new_run(out, "verify") as folder:
        matrix, request = asked_again(recorded, before, config, as_recorded, folder, snapshots, as_json)
        here = measured(folder, matrix, request, manner).report
        answer = verify(before, here)
        folder.write_json("verify.json", answer.as_json())
    if as_json:
        typer.echo((folder.path / "verify.json").read_text(), nl=False)
    else:
        printer().print(verified_view(answer))
        if snapshots and (told := lacking(folder)):
            printer().print(told)
        printer().print(f"run folder: {folder.path}", soft_wrap=True, highlight=False)
    if answer.same:
        return
    raise typer.Exit(first(exit_code(here), EXIT_UNEXPECTED))


def lacking(folder: RunFolder) -> str:
    """Snapshots that had to be made, so that it took longer; "" if none had."""
    boots = [json.loads(path.read_text()) for path in folder.path.glob("cells/*/*/*/boot-*/result.json")]
    made = sum(Stage.SNAPSHOT in boot["seconds"] for boot in boots)
    return f"{made} of {len(boots)} boots had no snapshot to go on from: they were done anew" if made else ""


def _selected(report: MatrixReport, globs: list[str]) -> MatrixReport:
    """Only cells that match; those that were not measured cannot be verified."""
    cells = [cell for cell in report["cells"] if cell["status"] != Status.SKIPPED]
    chosen = chosen_ids([cell["id"] for cell in cells], globs)
    if not chosen:
        raise ConfigError("the run has no cell that was measured", hint="there is nothing to verify")
    return MatrixReport(**{**report, "cells": [cell for cell in cells if cell["id"] in chosen]})


def asked_again(
    path: Path,
    before: MatrixReport,
    config: Path | None,
    as_recorded: bool,
    folder: RunFolder,
    snapshots: bool,
    quiet: bool,
) -> tuple[Matrix, Request]:
    """What is to be measured to repeat it, on the CPUs that it was measured on."""
    wanted = [cell["id"] for cell in before["cells"]]
    overrides: dict[str, Any] = {"snapshots": snapshots}
    if as_recorded:
        if config:
            raise ConfigError("--recorded brings its own matrix file: leave --config out")
        own = path / copies.FOLDER / copies.MATRIX
        place = own if own.is_file() else copies.restore(before["inputs"], folder.path / "recorded")
        matrix, request = asked(place, select=wanted, overrides=overrides)
    else:
        place, chosen = took(config or _usual(path), quiet), _chosen(path)
        preset = _preset(place, wanted, chosen)
        usual = asdict(matrix_file.load(place, preset, chosen).measure)
        then = {name: before["measure"][name] for name in ("boots", "passes", "clock")}
        overrides |= {name: value for name, value in then.items() if usual[name] != value}
        matrix, request = asked(place, preset, chosen, wanted, overrides)
    models = _cpus(before)
    return replace(matrix, arches=tuple(with_cpus(arch, models) for arch in matrix.arches)), request


def _cpus(report: MatrixReport) -> dict[str, dict[str, str]]:
    """{arch: {accelerator: CPU model}} of what was measured."""
    found: dict[str, dict[str, str]] = {}
    for cell in report["cells"]:
        if cell["accel"] and cell["cpu"]:
            found.setdefault(cell["arch"], {})[cell["accel"]] = cell["cpu"]
    return found


def _usual(path: Path) -> Path | None:
    """The matrix file of the run, if it is still there."""
    theirs = record.load_request(open_run(path)).config if path.is_dir() else None
    return theirs if theirs and theirs.is_file() else None


def _chosen(path: Path) -> tuple[str, ...]:
    """Workloads of the run that its matrix file does not name."""
    return record.load_request(open_run(path)).workloads if path.is_dir() else ()


def _preset(place: Path, wanted: list[str], chosen: tuple[str, ...]) -> str:
    """Whichever of the file's presets has all wanted cells; "" for the file as it is."""
    lacking: list[str] = []
    for name in ("", *matrix_file.presets(place)):
        cells = {cell.id for cell in make_plan(matrix_file.load(place, name, chosen)).cells}
        if cells.issuperset(wanted):
            return name
        lacking = lacking or [cell for cell in wanted if cell not in cells]
    hint = "--config names another matrix file; --recorded takes the run's own copies"
    raise ConfigError(f"{place} has no cell {', '.join(lacking)}", hint=hint)


def verified_view(answer: Verified) -> RenderableType:
    """The values, what differs, and the answer."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("cell", "metric"):
        table.add_column(name, no_wrap=True)
    for name in ("recorded", "here", "off"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", min_width=11)
    last = ""
    for value in answer.values:
        verdict = Text(value.verdict, STYLES.get(value.verdict, "bold red"))
        name = value.cell if value.cell != last else ""
        last = value.cell
        label = f"{value.metric} {value.unit}".strip()
        table.add_row(name, label, _number(value.recorded), _number(value.here), _off(value), verdict)
    parts: list[RenderableType] = [table]
    for title, content in (("Something else was measured:", True), ("What else differs:", False)):
        rows = [row for row in answer.differences if row.content is content]
        notes = [f"  {row.text}" + ("" if row.matters else " (must not matter)") for row in rows]
        parts += [Text("\n".join([title, *notes]) + "\n")] if rows else []
    return Group(*parts, _answer(answer))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _off(value: Value) -> str:
    if value.off is None:
        return ""
    return f"{value.off * 1e6:+.0f} ppm" if abs(value.off) < 1e-3 else f"{value.off * 100:+.2f}%"


def _answer(answer: Verified) -> Text:
    exact = [value for value in answer.values if value.verdict != VARIES]
    same = sum(value.verdict == SAME for value in exact)
    varies = len(answer.values) - len(exact)
    also = f" ({varies} more vary by nature: only their expectations were compared)" if varies else ""
    if answer.same:
        return Text(f"the same: {same} of {len(exact)} values{also}", "bold green")
    off = [value for value in exact if value.verdict != SAME]
    causes = list(dict.fromkeys(cause for value in off for cause in value.causes))
    if not exact:
        return Text(f"nothing was verified: there is no value to hold against another{also}", "bold red")
    if not off:
        return Text(
            f"NOT the same: something else was measured, though {same} of {len(exact)} values agree{also}", "bold red"
        )
    words = ", ".join(f"{n} {word}" for word in (OFF, STATUS, UNSURE) if (n := sum(v.verdict == word for v in off)))
    what = f"NOT the same, of {len(exact)} values: {words}{also}"
    why = [f"  {value.cell}: {value.failure}" for value in off if value.failure]
    why += [f"  may be due to: {cause}" for cause in causes]
    left = sum(not (value.failure or value.causes) for value in off)
    why += [f"  {left} of them though no recorded input differs: run it again, and report it"] if left else []
    return Text("\n".join([what, *why]), "bold red")
