# SPDX-License-Identifier: GPL-2.0-or-later
"""Nights without guests: what changed, what is told, what is pruned, and the files that start them."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from orchestrator.cli import app, nightly
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.engine import Manner, work
from orchestrator.errors import EXIT_INFRA, ConfigError
from orchestrator.history.store import History
from orchestrator.model import Matrix, Nightly, Verdict
from orchestrator.nightly import letter
from orchestrator.nightly.against import Against, against
from orchestrator.nightly.budget import estimate, within
from orchestrator.nightly.changes import changed, groups, nightly_matrix, survey
from orchestrator.nightly.night import Night, _differing
from orchestrator.nightly.prune import prune_runs
from orchestrator.nightly.state import Current, Done, Place, State
from orchestrator.nightly.state import nights as names
from orchestrator.runs import record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request
from orchestrator.runs.run import Run
from orchestrator.store import Store
from tests.unit.history.conftest import CELL, cell, nights, scale

ROOT = Path(__file__).parents[3]
TEXT = """\
arches: [aarch64, s390x]
workloads: [shmem-write, gup]
sources:
  mine: {git: %s, revision: main}
  other: {debian: linux-source-6.1}
kernels:
  base: {source: other}
  new: {source: mine}
  alone: {source: other, kconfig: [CONFIG_X=y]}
compare: [{base: base, new: new}]
nightly: {sources: [mine], budget: 90m, keep: {runs: 3, days: 7, cache_gib: 0.5}}
"""


def git(tree: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", "-C", str(tree), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(tree: Path, text: str) -> str:
    """A tree that passes for a kernel's."""
    tree.mkdir(exist_ok=True)
    if not (tree / ".git").exists():
        git(tree, "init", "-q", "-b", "main")
    (tree / "Makefile").write_text(f"VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 1\n# {text}\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", text)
    return git(tree, "rev-parse", "HEAD")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    commit(tmp_path / "linux", "first")
    return tmp_path / "linux"


def matrix(tree: Path, text: str = TEXT) -> Matrix:
    return matrix_file.from_text(text % tree, ROOT / "matrix.yaml")


def only_git(tree: Path) -> Matrix:
    """Without the Debian source, which would be fetched."""
    return matrix(tree, TEXT.replace("other: {debian: linux-source-6.1}", "other: {git: %s}" % tree))  # noqa: UP031


def test_the_table_in_matrix_yaml(tree: Path) -> None:
    assert matrix(tree).nightly == Nightly(("mine",), 5400, 3, 7) and matrix(tree).cache_gib == 0.5
    with pytest.raises(ConfigError, match=r"matrix.yaml:11: nightly.sources.0: unknown source 'yours'"):
        matrix(tree, TEXT.replace("sources: [mine]", "sources: [yours]"))
    with pytest.raises(ConfigError, match=r"matrix.yaml:11: nightly.budget"):
        matrix(tree, TEXT.replace("90m", "soon"))


def test_kernels_of_the_sources_and_what_they_are_compared_with(tree: Path) -> None:
    mine = nightly_matrix(matrix(tree), {"mine": "abc"})
    assert [kernel.name for kernel in mine.kernels] == ["base", "new"]
    assert [kernel.source.revision for kernel in mine.kernels] == ["", "abc"]


def test_only_what_changed_is_measured_with_its_partner(tree: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    first = asyncio.run(survey(only_git(tree), store, {}, fetch=False))
    assert len(changed(first.cells, {}, [])) == 8
    before = {name: Done(dict(parts), "r", "passed", 0.0) for name, parts in first.cells.items()}
    assert changed(first.cells, before, []) == {}
    old, new = first.pins["mine"], commit(tree, "second")
    pinned = only_git(tree)
    second = asyncio.run(survey(pinned, store, {}, fetch=False))
    why = changed(second.cells, before, [])
    assert set(why.values()) == {f"source git:{old} -> git:{new}"} and len(why) == 8  # other follows HEAD
    again = asyncio.run(survey(pinned, store, first.pins, fetch=False))
    assert changed(again.cells, before, []) == {}, "a night that is gone on with keeps its commits"


def test_every_part_of_a_cell_counts_and_is_named(tree: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    patch = tmp_path / "a.patch"
    patch.write_text("one\n")
    text = TEXT.replace("other: {debian: linux-source-6.1}", f"other: {{git: {tree}}}")
    text = text.replace("new: {source: mine}", f"new: {{source: mine, patches: [{patch}]}}")
    first = asyncio.run(survey(matrix(tree, text), store, {}, fetch=False)).cells
    before = {name: Done(dict(parts), "r", "passed", 0.0) for name, parts in first.items()}

    def now(text: str) -> dict[str, str]:
        return changed(asyncio.run(survey(matrix(tree, text), store, {}, fetch=False)).cells, before, [])

    assert now(text) == {} == now(text + "measure: {boots: 5, retries: 3}\n")
    assert set(now(text + "measure: {memory_mib: 2048}\n").values()) == {"measure changed"}
    other = now(text + "cpu: {s390x: qemu}\n")
    assert {name.split("/")[0] for name in other} == {"s390x"} and set(other.values()) == {"cpu changed"}
    assert {name.split("/")[1] for name in now(text.replace("a.patch]", "a.patch], kconfig: [CONFIG_Y=y]"))} == {
        "new"
    }
    patch.write_text("two\n")
    why = now(text)
    assert {name.split("/")[1] for name in why} == {"new"} and len(why) == 4
    assert all(text.startswith("patches a.patch (") for text in why.values())


def test_a_state_of_before_provenance_was_kept_is_no_reason_to_measure(tree: Path, tmp_path: Path) -> None:
    """But that CPU models are others since, is."""
    store = Store(tmp_path / "cache")
    first = asyncio.run(survey(only_git(tree), store, {}, fetch=False))
    old = {
        name: {**{part: value for part, value in parts.items() if part != "format"}, **first.older[name]}
        for name, parts in first.cells.items()
    }
    before = {name: Done(parts, "r", "passed", 0.0) for name, parts in old.items()}
    assert all(
        set(parts) == {"source", "patches", "kconfig", "compiler", "workload", "cpu", "measure"}
        for parts in old.values()
    )
    assert changed(first.cells, before, [], first.older) == {}
    night = Current("run", old, {}, {})
    assert not _differing(night, first)
    silent = {name: {part: value for part, value in parts.items() if part != "cpu"} for name, parts in old.items()}
    then = {name: Done(parts, "r", "passed", 0.0) for name, parts in silent.items()}
    assert set(changed(first.cells, then, [], first.older).values()) == {"cpu changed"}
    more = only_git(tree)
    more = replace(more, measure=replace(more.measure, memory_mib=2048))
    second = asyncio.run(survey(more, store, {}, fetch=False))
    assert set(changed(second.cells, before, [], second.older).values()) == {"measure changed"}
    assert _differing(night, second)


def test_what_a_workload_expects_is_no_reason_to_measure(tree: Path, tmp_path: Path) -> None:
    """But another way to measure is."""
    store = Store(tmp_path / "cache")
    first = asyncio.run(survey(only_git(tree), store, {}, fetch=False))
    before = {name: Done(dict(parts), "r", "passed", 0.0) for name, parts in first.cells.items()}
    more = only_git(tree)
    judged = tuple(replace(one, expectations=(), title="another") for one in more.workloads)
    assert (
        changed(asyncio.run(survey(replace(more, workloads=judged), store, {}, fetch=False)).cells, before, []) == {}
    )
    with_args = tuple(replace(one, args=(*one.args, "--more")) for one in more.workloads)
    again = asyncio.run(survey(replace(more, workloads=with_args), store, {}, fetch=False)).cells
    assert set(changed(again, before, []).values()) == {"workload changed"}
    other = {name: {**parts, "format": "0"} for name, parts in first.cells.items()}
    assert set(changed(other, before, []).values()) == {"kmatrix measures in another way"}


def test_groups_keep_together_what_is_compared_and_put_leftovers_first(tree: Path) -> None:
    made = plan(nightly_matrix(matrix(tree), {}))
    found = groups(made, ["aarch64/new/gup", "s390x/new/shmem-write"], ["s390x/new/shmem-write"])
    assert found == [["s390x/base/shmem-write", "s390x/new/shmem-write"], ["aarch64/base/gup", "aarch64/new/gup"]]


def test_a_remote_that_is_away_costs_no_night(tree: Path, tmp_path: Path) -> None:
    git(tree, "remote", "add", "origin", str(tmp_path / "gone"))
    tonight = asyncio.run(survey(only_git(tree), Store(tmp_path / "cache"), {}, fetch=True))
    assert {note.split(":")[0] for note in tonight.notes} == {"mine", "other"} and tonight.cells
    assert all("not fetched, measured as it is here (git fetch: fatal:" in note for note in tonight.notes)


def test_what_is_new_at_the_remote_is_fetched(tree: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", str(tree), str(tmp_path / "clone")], check=True)
    text = TEXT.replace("other: {debian: linux-source-6.1}", f"other: {{git: {tree}}}")
    text = text.replace("revision: main", "revision: origin/main")
    new = commit(tree, "second")
    asked = matrix_file.from_text(text % (tmp_path / "clone"), ROOT / "matrix.yaml")
    store = Store(tmp_path / "cache")
    assert asyncio.run(survey(asked, store, {}, fetch=False)).pins["mine"] != new
    assert asyncio.run(survey(asked, store, {}, fetch=True)).pins["mine"] == new


def test_a_source_that_cannot_be_had_leaves_the_others(tree: Path, tmp_path: Path) -> None:
    text = TEXT.replace("revision: main", "revision: nowhere").replace(
        "other: {debian: linux-source-6.1}", f"other: {{git: {tree}}}"
    )
    tonight = asyncio.run(survey(matrix(tree, text), Store(tmp_path / "cache"), {}, fetch=False))
    assert {name.split("/")[1] for name in tonight.cells} == {"base"}
    assert {name.split("/")[1] for name in tonight.lost} == {"new"}
    assert "nowhere" in next(iter(tonight.lost.values()))


def test_state_survives_and_damage_is_told(tmp_path: Path) -> None:
    place = Place(tmp_path / "state")
    state = State(
        cells={"a": Done({"source": "x"}, "run", "passed", 1.5)},
        first=["b"],
        current=Current("run", {"a": {"source": "x"}}, {"a": "new"}, {"mine": "abc"}, 12.0),
    )
    with place.alone():
        assert place.load() == State()
        place.save(state)
        assert place.load() == state
        with pytest.raises(ConfigError, match="another kmatrix nightly"), Place(place.path).alone():
            pass
    (place.path / "state.json").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        place.load()


def told(reports: list[Any], folder: Path, **more: Any) -> letter.NightReport:
    with History(str(folder / "h")) as history:
        for report in reports:
            history.record(Run(report, identity=report["run"], place=folder))
        found = against(history.points(), reports[-1]["run"]["id"])
    fields = {"why": {}, "left": [], "lost": {}, "notes": []}
    return letter.NightReport(reports[-1], **{**fields, "against": found, **more})


def per_unit(report: Any) -> float:
    """CELL's time in ns."""
    row = cell(report)
    return float(median(value for boot in row["metrics"]["time"]["boots"] for value in boot) / row["units"] * 1000)


def test_a_night_that_is_worse_says_where_and_since_when(tmp_path: Path) -> None:
    reports = nights(12)
    scale(cell(reports[-1]), 1.001)
    night = told(reports, tmp_path, why={CELL: "source git:1 -> git:2"})
    assert letter.code(night) == 1
    text = letter.words(night).replace("\n  ", " ")
    assert "1 worse, 23 same against the last night" in text
    before, now = (per_unit(report) for report in (reports[-2], reports[-1]))
    assert f"{CELL} time: {before:.1f} -> {now:.1f} (+0.10%), worse; last on 2026-10-01" in text
    assert "Steps of the last four weeks:" in text and f"source git:1 -> git:2: {CELL}" in text
    mail = letter.mail(night)
    assert mail.isascii() and max(map(len, mail.splitlines())) <= 75
    assert mail.startswith("Subject: [kmatrix] nightly 2026-10-")


def test_a_quiet_night_is_0_and_shows_older_steps(tmp_path: Path) -> None:
    reports = nights(12)
    for report in reports[5:]:
        scale(cell(report), 1.001)
    night = told(reports, tmp_path)
    assert letter.code(night) == 0 and "24 same against the last night" in letter.words(night)
    assert f"2026-09-26 {'14:13'} {CELL} time" in letter.words(night).replace("\n  ", " ")


def test_another_matrix_files_nights_are_not_compared_with(tree: Path, tmp_path: Path) -> None:
    """Into the same history; their cells have the same ids, other figures, and pass where these do not."""
    mine = Night(tmp_path / "mm.yaml", "", Place(tmp_path / "state"), Manner(history=str(tmp_path / "h")), False)
    reports = nights(5)
    for report in reports:
        report["run"]["nights"] = names(mine.config, "")
        cell(report, "s390x/patched/shmem-write").update(status="build_failed", metrics={})
    other = copy.deepcopy(reports[3])
    other["run"] |= {"id": "other", "nights": names(mine.config, "stable")}
    other["cells"] = nights(1)[0]["cells"]
    scale(cell(other), 0.5)
    with History(str(tmp_path / "h")) as history:
        for report in (*reports[:4], other, reports[4]):
            history.record(Run(report, identity=report["run"], place=tmp_path))
    found, notes = mine._against(reports[4], replace(only_git(tree), nightly=Nightly(days=36_500)))
    assert notes == [] and not found.worse and not found.steps and len(found.verdicts(Verdict.SAME)) == 20


def test_another_compiler_is_no_comparison(tmp_path: Path) -> None:
    reports = nights(3)
    reports[-1]["kernels"]["aarch64/patched"]["compiler"] = "gcc 14"
    scale(cell(reports[-1]), 2)
    night = told(reports, tmp_path)
    assert letter.code(night) == 0
    text = letter.words(night).replace("\n  ", " ")
    assert "20 same against the last night" in text and f"{CELL}: compiler: " in text and "gcc 14 now" in text


def test_a_cell_that_broke_is_worse_and_one_left_out_is_not(tmp_path: Path) -> None:
    reports = nights(3)
    failure = {"kind": "panic", "message": "it panicked", "hint": "", "log": ""}
    skipped = copy.deepcopy(reports)
    cell(skipped[-1]).update(status="skipped", metrics={}, failure={**failure, "kind": "not_run"})
    night = told(skipped, tmp_path, left=[CELL])
    assert letter.code(night) == 0 and "come first next night" in letter.words(night)
    cell(reports[-1]).update(status="kernel_broke", metrics={}, failure=failure)
    (tmp_path / "two").mkdir()
    night = told(reports, tmp_path / "two")
    assert letter.code(night) == 3 and f"{CELL}: kernel broke" in letter.words(night)
    assert "it panicked" in letter.mail(night)


def test_a_source_that_is_lost_is_a_failure_of_the_testbed() -> None:
    night = letter.NightReport(nights(1)[0], {}, [], {"a/b/c": "no revision"}, [], Against())
    assert letter.code(night) == EXIT_INFRA and "no revision" in letter.words(night)


@pytest.mark.parametrize("resume", [False, True])
def test_a_night_that_was_cut_off_is_gone_on_with_before_or_without_a_new_one(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    """It keeps its commit; what was committed since is measured in the rest of the time, but not with --resume."""
    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "matrix.yaml"
    path.write_text(
        TEXT.replace("other: {debian: linux-source-6.1}", f"other: {{git: {tree}, revision: main}}") % tree
    )
    asked = nightly_matrix(matrix_file.load(path), {})
    before = asyncio.run(survey(asked, Store(tmp_path / "cache"), {}, fetch=False))
    started: list[tuple[str, float]] = []

    def measure(self: Night, state: State, current: Current, tonight: Any, notes: Any) -> tuple[int, str]:
        started.append((next(iter(current.cells.values()))["source"], current.spent))
        current.spent += 100
        state.cells |= {name: Done(parts, current.run, "passed", 1.0) for name, parts in current.cells.items()}
        state.current = None
        self.place.save(state)
        return (1, "worse") if len(started) == 1 else (0, "the same")

    monkeypatch.setattr(Night, "_measure", measure)
    place = Place(tmp_path / "state")
    made = Night(path, "", place, Manner(), False, resume)
    place.path.mkdir()
    place.save(State(current=Current("cut-off", dict(before.cells), {}, dict(before.pins), 50.0)))
    old, new = before.pins["mine"], commit(tree, "second")
    code, text = made.run()
    assert code == 1 and text == ("worse" if resume else "worse\nthe same")
    assert started == [(f"git:{old}", 50.0), (f"git:{new}", 100.0)][: 1 if resume else 2]
    commit(tree, "third")
    assert made.run() == (0, "no night was cut off: nothing was started" if resume else "the same")


def test_a_new_night_is_named_in_utc_and_says_how_to_go_on(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(work: Any, again: str) -> None:
        work.close()
        raise ConfigError(again)

    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("orchestrator.nightly.night.within", lambda work, _: work)
    monkeypatch.setattr("orchestrator.nightly.night.finish", cut_off)
    monkeypatch.setattr(sys, "argv", ["kmatrix", "nightly", "-c", "my matrix.yaml"])
    monkeypatch.setattr(time, "gmtime", lambda *_: time.struct_time((2026, 11, 26, 3, 4, 5, 3, 330, 0)))
    path, place = tmp_path / "matrix.yaml", Place(tmp_path / "state")
    path.write_text(
        TEXT.replace("other: {debian: linux-source-6.1}", f"other: {{git: {tree}, revision: main}}") % tree
    )
    with pytest.raises(ConfigError, match=r"^kmatrix nightly -c 'my matrix\.yaml'$"):
        Night(path, "", place, Manner(quiet=True), False).run()
    assert [run.name for run in place.runs.iterdir()] == ["2026-11-26-030405"]


def test_a_nights_folder_is_gone_on_with_at_its_commits(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next night, which has them in its state; and by run --resume, which has the folder alone."""
    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "matrix.yaml"
    path.write_text(
        TEXT.replace("other: {debian: linux-source-6.1}", f"other: {{git: {tree}, revision: main}}") % tree
    )
    folder, asked = RunFolder(tmp_path / "run"), matrix_file.load(path)

    def started(matrix: Matrix) -> object:
        """As a night starts a group of cells, up to its sources."""
        part = plan(matrix)
        todo = work(matrix, part, folder, Manner())
        assert asyncio.run(estimate(part, folder, todo.runner.builder)) > 0
        for name in ("mine", "other"):
            asyncio.run(todo.runner._source(name))
        return folder.read_json(record.SOURCES)

    first = asyncio.run(survey(asked, Store(), {}, fetch=False))
    request = Request(path, path.read_text(), tuple(first.cells), {})
    record.save_request(folder, request, first.matrix, first.plan)
    began = dict.fromkeys(("mine", "other"), f"git:{first.pins['mine']}")
    assert started(first.matrix) == began
    commit(tree, "second")
    assert started(asyncio.run(survey(asked, Store(), first.pins, fetch=False)).matrix) == began
    assert started(record.load_matrix(folder, record.load_request(folder))) == began
    with pytest.raises(ConfigError, match="the run began with git:"):
        started(asyncio.run(survey(asked, Store(), {}, fetch=False)).matrix)


def test_old_runs_go_by_number_and_age(tmp_path: Path) -> None:
    for number in range(6):
        run = tmp_path / f"2026-11-0{number}"
        run.mkdir()
        (run / "matrix.json").write_text("{}")
        old = time.time() - (6 - number) * 86_400
        os.utime(run, (old, old))
    keep = Nightly(runs=4, days=3.5)
    needed = tmp_path / "2026-11-00"
    gone = prune_runs(tmp_path, keep, [needed])
    assert [path.name for path in gone] == ["2026-11-02", "2026-11-01"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2026-11-00",
        "2026-11-03",
        "2026-11-04",
        "2026-11-05",
    ]


def test_a_budget_stops_work() -> None:
    assert asyncio.run(within(asyncio.sleep(0), 5)) and not asyncio.run(within(asyncio.sleep(60), 0.01))


def printed(kind: str, folder: Path) -> list[Path]:
    done = CliRunner().invoke(
        app, ["nightly", "--print", kind, "--into", str(folder), "-c", str(ROOT / "matrix.yaml")]
    )
    assert done.exit_code == 0, done.output
    return [Path(line) for line in done.output.splitlines()]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    files = printed("systemd", tmp_path)
    assert [path.suffix for path in files] == [".service", ".timer"] * 2
    units = {path.name: path.read_text() for path in files}
    assert (
        "--resume\n" in units["kmatrix-nightly-resume.service"]
        and "resume.service" in units["kmatrix-nightly.service"]
    )
    assert (
        "--resume" not in units["kmatrix-nightly.service"] and "OnStartupSec" in units["kmatrix-nightly-resume.timer"]
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, files)], capture_output=True, text=True, timeout=60
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "kmatrix" in line]
    assert done.returncode == 0 and ours == [], done.stderr


@pytest.mark.parametrize(("kind", "schema"), [("github", "vendor.github-workflows"), ("gitlab", "vendor.gitlab-ci")])
def test_workflows_are_what_their_schema_wants(tmp_path: Path, kind: str, schema: str) -> None:
    [path] = printed(kind, tmp_path)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    if kind == "gitlab":
        command[3:3] = ["--data-transform", "gitlab-ci"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kmatrix nightly" in path.read_text() and "$$" not in path.read_text()


def test_github_remembers_a_night_that_found_something(tmp_path: Path) -> None:
    """actions/cache saves only if the job succeeds; exit code 1 is a failed job."""
    [path] = printed("github", tmp_path)
    steps = YAML(typ="safe").load(path)["jobs"]["nightly"]["steps"]
    names = [step.get("uses") or step.get("name") or step["run"] for step in steps]
    restore, save = (steps[names.index(f"actions/cache/{what}@v4")] for what in ("restore", "save"))
    assert save["if"] == "always()" and save["with"].items() <= restore["with"].items()
    order = ["actions/cache/restore@v4", "The night", "Trends", "actions/cache/save@v4"]
    assert [name for name in names if name in order] == order and "actions/cache@v4" not in names


def test_cron_lines_are_cron_lines(tmp_path: Path) -> None:
    [path] = printed("cron", tmp_path)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert [line.split()[0] for line in lines] == ["30", "@reboot"]
    assert all("nightly --quiet --config" in line and "%" not in line for line in lines)
    assert [line.endswith(" --resume") for line in lines] == [False, True], "in the daytime no new night begins"


def test_a_folders_name_may_have_any_character(tmp_path: Path) -> None:
    """A % ends the line for cron, and starts a name for systemd, as a dollar does in a command there."""
    folder = tmp_path / "100% $HOME"
    folder.mkdir()
    (folder / "my matrix.yaml").write_text("")
    for starter in nightly.Starter:
        nightly.show(starter, folder / "my matrix.yaml", "", tmp_path / starter.value)
    for line in (tmp_path / "cron/kmatrix-nightly.cron").read_text().splitlines()[2::2]:
        shell = line.removeprefix("30 1 * * * ").removeprefix("@reboot ")
        assert not re.search(r"(?<!\\)%", shell)
        words = shlex.split(shell.replace(r"\%", "%"))
        assert words[:3] == ["cd", str(folder), "&&"] and str(folder / "my matrix.yaml") in words
    service = (tmp_path / "systemd/kmatrix-nightly.service").read_text()
    assert "/100%% $HOME\n" in service and "/100%% $$HOME/my matrix.yaml'\n" in service
    for path in (tmp_path / "github").iterdir():
        assert "--config 'my matrix.yaml' --state" in path.read_text()


def test_without_a_table_nightly_says_what_to_add(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text("arches: [s390x]\nworkloads: [gup]\nsources: {a: {debian: b}}\nkernels: {c: {source: a}}\n")
    done = CliRunner().invoke(app, ["nightly", "-c", str(path), "--state", str(tmp_path / "s")])
    assert isinstance(done.exception, ConfigError) and "says nothing of nightly" in done.exception.message
    assert json.dumps(sorted(p.name for p in (tmp_path / "s").iterdir())) == '[".lock"]'
