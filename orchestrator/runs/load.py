# SPDX-License-Identifier: GPL-2.0-or-later
"""A run read back as a value: from its folder, or from somebody's matrix.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from orchestrator.analyse.contract import MatrixReport, RunRow
from orchestrator.analyse.findings import WatchedFacts
from orchestrator.analyse.matrix import assemble
from orchestrator.analyse.suite import suite
from orchestrator.analyse.upgrade import upgraded
from orchestrator.errors import ConfigError
from orchestrator.model import CellResult, Claim, Comparison, Expectation, Failure, Status
from orchestrator.profile.comparison import ProfileReport
from orchestrator.runs import (
    account_files,
    against,
    consoles,
    copies,
    debug_file,
    identity,
    of_check,
    reach_file,
    record,
    reproduce,
    selftest_file,
    static_file,
    variant_file,
)
from orchestrator.runs.folder import RunFolder, open_run, whole
from orchestrator.runs.run import Run
from orchestrator.store import digest, sha256

PAGE = "matrix.html"  # in a run folder, if somebody wrote the page there


def load(path: Path) -> Run:
    """A run folder or a matrix.json. ConfigError says what is no such thing."""
    if path.is_dir():
        return of_folder(open_run(path))
    with whole(path):
        report = _read(path)
        _check(report)
    named = report.get("run") or RunRow(id=digest("file", sha256(path)), started=path.stat().st_mtime, kind="run")
    return Run(report, place=path.resolve(), identity=named)


def of_folder(folder: RunFolder, extra: Mapping[str, CellResult] | None = None) -> Run:
    """All that the folder holds; extra adds cells that could not be saved."""
    with whole(folder.path):
        return _of_folder(folder, extra or {})


def _of_folder(folder: RunFolder, extra: Mapping[str, CellResult]) -> Run:
    plan = record.read_plan(folder)
    accounts = _accounts(folder, plan)
    report = _matrix(folder, plan, accounts, extra)
    _check(report, accounts)
    page = folder.path / PAGE
    return Run(
        report=report,
        profile=accounts,
        starts={cell_id: consoles.starts(folder, cell_id) for cell_id in plan["cells"]},
        logs={build_id: consoles.build_log(folder, build_id) for build_id in plan["builds"]},
        changes={(pair.base, pair.new): text for pair, text in account_files.diffs(folder, _pairs(plan)).items()},
        reproduce=reproduce.command(folder, report),
        page=page.resolve().as_uri() if page.exists() else "",
        place=folder.path.resolve(),
        identity=report.get("run") or identity.of_older(folder),
    )


def matrix_of(folder: RunFolder) -> MatrixReport:
    """The matrix alone, as far as it is known."""
    with whole(folder.path):
        plan = record.read_plan(folder)
        return _matrix(folder, plan, _accounts(folder, plan), {})


def matrix_about(folder: RunFolder, cell: CellResult, extra: Mapping[str, CellResult] | None = None) -> MatrixReport:
    """The matrix for whoever watches a run that goes on, in which a cell has just ended: that cell, and those that it
    is compared with. All of them where figures vary, as what may be said of one depends on how many there are. extra
    adds cells that could not be saved."""
    with whole(folder.path):
        plan = record.read_plan(folder)
        if cell.exact:
            with_it = (pair for pair in plan["comparisons"] if cell.kernel in (pair["base"], pair["new"]))
            kernels = dict.fromkeys(name for pair in with_it for name in (pair["base"], pair["new"]))
            cells = {f"{cell.arch}/{kernel}/{cell.workload}" for kernel in kernels}
            plan = {**plan, "cells": [name for name in plan["cells"] if name in cells]}
        return _matrix(folder, plan, _accounts(folder, plan), extra or {})


class _Kernel(TypedDict, total=False):
    """Of a kernel's info.json, what reports rely on."""

    source: str
    linux: str
    compiler: str
    config: str
    image_sha256: str
    sandbox: str
    patches: dict[str, str] | None
    wished: dict[str, str] | None


class _Host(TypedDict, total=False):
    """Of host.json, the same."""

    kmatrix: str
    machine: str
    cpu: str
    cores: int
    memory_mib: float
    qemu: dict[str, str]
    compiler: dict[str, str]
    guest_image: dict[str, str]


class _Facts(TypedDict):
    """What the shape of a matrix leaves open."""

    kernels: dict[str, _Kernel]
    host: _Host


def _check(report: MatrixReport, accounts: ProfileReport | None = None) -> None:
    """Whatever shows it may rely on what it is made of. ValueError says what is wrong."""
    kinds: list[tuple[Any, object]] = [(MatrixReport, report), (_Facts, report)]
    for kind, value in (*kinds, *([(ProfileReport, accounts)] if accounts else [])):
        try:
            TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            rows = (f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors()[:3])
            raise ValueError("; ".join(rows)) from error


def _accounts(folder: RunFolder, plan: Mapping[str, Any]) -> ProfileReport:
    return account_files.load(folder, plan["cells"], _pairs(plan))


def _pairs(plan: Mapping[str, Any]) -> list[Comparison]:
    return [Comparison(**pair) for pair in plan["comparisons"]]


def _matrix(
    folder: RunFolder, plan: Mapping[str, Any], accounts: ProfileReport, extra: Mapping[str, CellResult]
) -> MatrixReport:
    cells = {name: cell for name in plan["cells"] if (cell := extra.get(name) or folder.load_cell(name))}
    kernels = {
        build_id: info for build_id in plan["builds"] if (info := folder.read_json(f"builds/{build_id}/info.json"))
    }
    pairs = _pairs(plan)
    settings = plan.get("workloads", {})  # {workload: what record.save_request() kept of it}
    missing = {cell_id: _skipped(cell_id, settings, plan["measure"]["clock"]) for cell_id in plan["cells"]}
    known = against.load(folder, (build_id.partition("/")[0] for build_id in plan["builds"]), pairs)
    identical = [one["identical"] for one in known]
    changed = [row for one in known if (row := one["changed"])]
    made = assemble(
        [{**missing, **cells}[cell_id] for cell_id in plan["cells"]],
        pairs,
        {name: [Expectation(**e) for e in claims] for name, claims in plan["expectations"].items()},
        folder.read_json("host.json") or {},
        kernels,
        plan["measure"],
        [Claim(**claim) for claim in plan.get("claims", ())],
        {name: setting["note"] for name, setting in settings.items() if setting["note"]},
        copies.load(folder),
        accounts["cells"],
        reach=reach_file.load(folder),
        identical=identical,
        changed=changed,
        watched=_watched(folder, plan, pairs),
    )
    if known:
        made["identical"], made["changed"] = identical, changed
        made["not_built"] = [row for one in known for row in one["not_built"]]
    static_file.add(made, folder, (build_id.partition("/")[0] for build_id in plan["builds"]), pairs)
    passed = [cell["id"] for cell in made["cells"] if cell["status"] == Status.PASSED]
    if lacking := account_files.unprofiled(folder, passed):
        made["unprofiled"] = lacking
    if rows := suite(made["comparisons"]):
        made["suite"] = rows
    if named := folder.read_json(record.RUN):
        made["run"] = named
    if needed := of_check.NEEDED.load(folder):
        made["needed"] = needed
    if (chosen := of_check.CHOSEN.load(folder)) is not None and (left := of_check.NOT_CHOSEN.load(folder)):
        made["chosen"], made["not_chosen"] = chosen, left
    if taken := of_check.TAKEN.load(folder):
        made["taken"] = taken
    if author := of_check.AUTHOR.load(folder):
        made["author"] = author
    made["offered"] = plan.get("offered") or record.offered()
    return made


def _watched(folder: RunFolder, plan: Mapping[str, Any], pairs: list[Comparison]) -> WatchedFacts | None:
    """What is wrong, whoever says so; None if nobody looked."""
    diffs = account_files.diffs(folder, pairs)
    found = [
        debug_file.facts(folder, plan["builds"], pairs, diffs),
        variant_file.facts(folder),
        selftest_file.facts(folder, plan["builds"], pairs),
    ]
    known = [one for one in found if one]
    if not known:
        return None
    return WatchedFacts(
        findings=[row for one in known for row in one["findings"]],
        watched=[row for one in known for row in one["watched"]],
    )


def _skipped(cell_id: str, settings: Mapping[str, Mapping[str, Any]], clock: str) -> CellResult:
    """A cell that has no result (yet)."""
    arch, kernel, workload = cell_id.split("/")
    failure = Failure("not_run", "not measured in this run", "kmatrix run --resume measures it")
    mine = settings.get(workload, {"clock": clock, "exact": clock == "icount", "unit": ""})
    return CellResult(
        cell_id, arch, kernel, workload, Status.SKIPPED, failure, mine["clock"], mine["unit"], exact=mine["exact"]
    )


def _read(path: Path) -> MatrixReport:
    """Somebody's matrix.json. ConfigError says what is none in it."""
    try:
        report = TypeAdapter(MatrixReport).validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="name a run folder or a matrix.json") from error
    except ValidationError as error:
        rows = [f"{path}: {'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors()]
        raise ConfigError("\n".join(rows[:20]), hint="this is no matrix.json of kmatrix run") from error
    report.setdefault("offered", record.offered())
    return upgraded(report)
