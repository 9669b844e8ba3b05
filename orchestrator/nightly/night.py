# SPDX-License-Identifier: GPL-2.0-or-later
"""One night: what changed is measured in groups until the time is up, recorded, compared and told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import ui
from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.identical import untried
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.engine import Manner, finish, recorded, shown, this_command, work, write_matrix
from orchestrator.errors import EXIT_INFRA, EXIT_OK, ConfigError
from orchestrator.history.entries import Filter
from orchestrator.model import Matrix, Status
from orchestrator.nightly import letter, prune
from orchestrator.nightly.against import Against, against
from orchestrator.nightly.budget import estimate, used, within
from orchestrator.nightly.changes import Tonight, changed, differing, groups, survey
from orchestrator.nightly.culprits import looked_for
from orchestrator.nightly.state import Current, Done, Place, State, nights
from orchestrator.runs import load, record
from orchestrator.runs.folder import RunFolder, claimed
from orchestrator.runs.identity import begin
from orchestrator.runs.record import Request
from orchestrator.store import Store, text_of

DAY = 86_400.0


@dataclass(frozen=True)
class Night:
    """What was asked for. fetch: ask trees' remotes and mirrors for what is new; resume: begin no new night."""

    config: Path
    preset: str
    place: Place
    manner: Manner
    fetch: bool
    resume: bool = False

    def run(self) -> tuple[int, str]:
        """(exit code, what to tell). An earlier night that was cut off is gone on with."""
        with self.place.alone():
            return self._run(self.place.load())

    def _run(self, state: State) -> tuple[int, str]:
        matrix = matrix_file.load(self.config, self.preset)
        if not matrix.nightly.sources:
            hint = "add to it: nightly: {sources: [NAME, ...], budget: 2h}"
            raise ConfigError(f"{self.config} says nothing of nightly runs", hint=hint)
        if state.current:
            return self._go_on(state, state.current, matrix)
        return (EXIT_OK, "no night was cut off: nothing was started") if self.resume else self._new(state, matrix, [])

    def _go_on(self, state: State, current: Current, matrix: Matrix) -> tuple[int, str]:
        """With a night that was cut off; then, in what is left of this one's time, with what has changed since."""
        tonight = asyncio.run(survey(matrix, Store(), current.pins, fetch=False))
        if _differing(current, tonight):
            if self.resume:
                name = Path(current.run).name
                return EXIT_OK, f"{name} was cut off, and other things are to be measured now: left to the next night"
            return self._new(state, matrix, self._close(state, current))
        before = current.spent
        code, text = self._measure(state, current, tonight, ["an earlier start was cut off; resumed"])
        spent = current.spent - before
        if self.resume or spent >= matrix.nightly.budget:
            return code, text
        then, more = self._new(state, matrix, [], spent)
        return max(code, then), f"{text}\n{more}"

    def _new(self, state: State, matrix: Matrix, notes: Sequence[str], spent: float = 0.0) -> tuple[int, str]:
        """A night of what changed. spent: seconds of its time that are gone already."""
        tonight = asyncio.run(survey(matrix, Store(), {}, self.fetch))
        why = changed(tonight.cells, state.cells, state.first, tonight.older)
        if not why:
            return self._nothing(state, tonight, notes)
        order = [name for group in groups(tonight.plan, list(why), state.first) for name in group]
        cells = {name: tonight.cells[name] for name in order if name in tonight.cells}
        run = claimed(self.place.runs)
        state.current = Current(str(run), cells, why, dict(tonight.pins), spent)
        self.place.save(state)
        return self._measure(state, state.current, tonight, [*notes, *tonight.notes])

    def _nothing(self, state: State, tonight: Tonight, notes: Sequence[str]) -> tuple[int, str]:
        last = max((done.when for done in state.cells.values()), default=0.0)
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(last)) if last else "ever"
        good = (Status.PASSED, Status.SKIPPED)  # the latter of a kernel that is the same as another
        bad = [f"{name}: {done.status}, as before" for name, done in state.cells.items() if done.status not in good]
        lost = [f"{name}: {text}" for name, text in tonight.lost.items()]
        gone = self._prune(tonight, None)
        rows = [f"nothing changed since {since}: nothing was started", *bad, *lost, *notes, *tonight.notes, *gone]
        self.place.save(state)
        return EXIT_INFRA if lost else EXIT_OK, "\n".join(rows)

    def _measure(self, state: State, current: Current, tonight: Tonight, notes: Sequence[str]) -> tuple[int, str]:
        folder = RunFolder(Path(current.run))
        cells = list(current.cells)
        with folder.alone():
            if not (folder.path / "plan.json").exists():
                text = text_of(self.config, matrix_file.NAMED)
                request = Request(self.config.resolve(), text, tuple(cells), {}, self.preset)
                record.save_request(folder, request, tonight.matrix, make_plan(tonight.matrix, cells))
            begin(folder, "nightly", nights(self.config, self.preset))
            self._groups(state, current, tonight, folder)
            done = load.of_folder(folder)
            report = done.report
            write_matrix(folder, done)
            recorded(done, self.manner.history)
            compared, more = self._against(report, tonight.matrix)
            until = time.monotonic() + tonight.matrix.nightly.budget - current.spent
            who = looked_for(compared.moved, tonight.matrix, folder, self.manner, until)
            left = [cell["id"] for cell in report["cells"] if untried(cell)]
            gone = self._prune(tonight, folder.path)
            night = letter.NightReport(report, current.why, left, tonight.lost, [*notes, *more], compared, gone, who)
            folder.write_text("night.md", letter.markdown(night))
            folder.write_text("mail.txt", letter.mail(night))
        self._settle(state, current, report)
        return letter.code(night), f"{letter.words(night)}\nrun folder: {folder.path} (mail.txt, night.md)"

    def _groups(self, state: State, current: Current, tonight: Tonight, folder: RunFolder) -> None:
        """As many as fit into what is left of the night; the first is begun whatever it may take."""
        end = time.monotonic() + tonight.matrix.nightly.budget - current.spent
        waiting = [
            [n for n in g if n in current.cells] for g in groups(tonight.plan, list(current.cells), state.first)
        ]
        begun = False
        for group in waiting:
            part = make_plan(tonight.matrix, group)
            todo = work(tonight.matrix, part, folder, self.manner)
            cost = asyncio.run(estimate(part, folder, todo.runner.builder))
            left = end - time.monotonic()
            if cost and (left <= 0 or (begun and cost > left)):
                continue
            begun = begun or cost > 0
            start = time.monotonic()
            view = ui.show(
                todo.bus, lambda cell: load.matrix_about(folder, cell), self.manner.json, self.manner.quiet
            )
            with Store().in_use(), view:
                finish(within(todo.run(), max(left, 60.0)), this_command())
            current.spent += time.monotonic() - start
            self.place.save(state)

    def _close(self, state: State, current: Current) -> list[str]:
        """A night that was cut off and cannot be gone on with: what it has is kept and recorded."""
        folder = RunFolder(Path(current.run))
        if (folder.path / "plan.json").exists():
            with folder.alone():
                done = load.of_folder(folder)
                write_matrix(folder, done)
                recorded(done, self.manner.history)
            self._settle(state, current, done.report)
        state.current = None
        self.place.save(state)
        return [
            f"{folder.path.name} was cut off, and other things are to be measured now: it stays as far as it went"
        ]

    def _settle(self, state: State, current: Current, report: MatrixReport) -> None:
        """What ended is done with; what did not, comes first next time."""
        first = []
        for cell in report["cells"]:
            if untried(cell) or cell["status"] == Status.INFRA_FAILED:
                first.append(cell["id"])
            else:
                parts = current.cells[cell["id"]]
                state.cells[cell["id"]] = Done(parts, current.run, cell["status"], time.time())
        state.first = first
        state.current = None
        self.place.save(state)

    def _against(self, report: MatrixReport, matrix: Matrix) -> tuple[Against, list[str]]:
        """The comparison; or why there is none, which costs no night."""
        from orchestrator.history.store import History

        since = time.time() - max(60.0, matrix.nightly.days) * DAY
        try:
            with History(self.manner.history) as history:
                mine = Filter(kind="nightly", nights=nights(self.config, self.preset), since=since)
                points = history.points(mine)
            return against(points, report["run"]["id"]), []
        except Exception as error:
            return Against(), [f"not compared with the nights before: {shown(error)}"]

    def _prune(self, tonight: Tonight, run: Path | None) -> list[str]:
        """Old runs and caches, in words."""
        keep, store = tonight.matrix.nightly, Store()
        builder = work(tonight.matrix, tonight.plan, RunFolder(self.place.path), self.manner).runner.builder
        began = time.time() - 1  # file systems round
        asyncio.run(used(tonight.plan, builder))
        runs = prune.prune_runs(self.place.runs, keep, [run] if run else [])
        gone, left = store.prune(tonight.matrix.cache_gib, began, keep.days)
        rows = [f"removed old runs: {', '.join(path.name for path in runs)}"] if runs else []
        rows += [f"removed {len(gone)} folders of the cache that were not used for long"] if gone else []
        over = left > tonight.matrix.cache_gib
        return rows + ([f"the cache holds {left:.1f} GiB, which this night or another kmatrix uses"] if over else [])


def _differing(current: Current, tonight: Tonight) -> bool:
    """Is there a cell that is made of other things by now, or gone?"""
    return any(
        name not in tonight.cells or differing(parts, tonight.cells[name], tonight.older.get(name, {}))
        for name, parts in current.cells.items()
    )
