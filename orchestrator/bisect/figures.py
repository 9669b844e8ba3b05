# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of states: each is a kernel of one run, which grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.analyse.identical import pairs as same_pairs
from orchestrator.analyse.identical import with_figures
from orchestrator.analyse.statistics import centre
from orchestrator.analyse.verdicts import Case, Finding, exact
from orchestrator.bisect.chain import Chain
from orchestrator.collectors import Collector
from orchestrator.engine import Manner, grown, measured
from orchestrator.errors import ConfigError, InfraError
from orchestrator.model import Arch, Comparison, Config, Kernel, Matrix, Reason, Status, Workload
from orchestrator.runs import copies, load
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request

STATES = "states"  # in the run's folder: the patches of its kernels

Boots = Sequence[Sequence[float]]
Doing = Callable[[RunFolder, Matrix, Request, Sequence[str], Manner], None]


class OutOfTime(Exception):
    """What was begun did not end before the time was up; what ended before it counts."""


@dataclass(frozen=True)
class Figure:
    """boots as in contract.MetricRow; units of work of a pass."""

    boots: Boots
    units: int

    def per_unit(self, how: Collector) -> float:
        """As it is shown."""
        return centre(self.boots) * how.scale / (self.units or 1)


def finding(before: Figure, after: Figure, how: Collector) -> Finding:
    """Exact figures decide at once."""
    return exact(Case(before.boots, after.boots, how))


def differ(before: Figure, after: Figure, how: Collector) -> bool:
    """Is it another figure?"""
    return finding(before, after, how).reason is not Reason.NO_DIFFERENCE


def once(matrix: Matrix, arch: Arch, workload: Workload) -> Matrix:
    """A matrix of one cell a kernel, measured once. ConfigError where figures do not repeat."""
    its = replace(matrix.measure, boots=1, passes=1)
    alone = replace(workload, boots=1, expectations=())
    if not its.exact(alone):
        hint = "take a workload of one CPU under the instruction clock (clock: icount)"
        raise ConfigError(
            f"figures of {workload.name} do not repeat, so that one of each would say nothing", hint=hint
        )
    return replace(matrix, arches=(arch,), workloads=(alone,), measure=its, kernels=(), comparisons=(), claims=())


def done_here(folder: RunFolder, matrix: Matrix, request: Request, more: Sequence[str], manner: Manner) -> None:
    """As any run: begun, or gone on with."""
    if (folder.path / "plan.json").exists():
        grown(folder, matrix, request, more, manner)
    else:
        measured(folder, matrix, request, manner)


@dataclass
class Measuring:
    """matrix: by once(). kconfig, config: of the kernels. lost: {kernel: why it has no figure}."""

    folder: RunFolder
    matrix: Matrix
    metric: str
    manner: Manner
    kconfig: tuple[str, ...] = ()
    config: Config | None = None
    do: Doing = done_here
    lost: dict[str, str] = field(default_factory=dict)
    kernels: dict[str, Kernel] = field(default_factory=dict)
    _pairs: list[Comparison] = field(default_factory=list)
    _known: dict[str, Figure | None] = field(default_factory=dict)
    _booted: set[str] = field(default_factory=set)

    def __call__(self, chain: Chain, state: int) -> Figure | None:
        """None where it has none: it does not build, or does not do the work. InfraError where the testbed failed."""
        name = chain.kernel(state)
        if name not in self._known:
            self._known[name] = self._measured(chain, state, name)
        return self._known[name]

    def _measured(self, chain: Chain, state: int, name: str) -> Figure | None:
        patches = asyncio.run(chain.patches(state, self.folder.path / STATES / name))
        self.kernels[name] = Kernel(name, chain.source, patches, self.kconfig, self.config)
        near = self._nearest(chain, state)
        self._pairs += [Comparison(near, name)] if near else []
        matrix = replace(self.matrix, kernels=tuple(self.kernels.values()), comparisons=tuple(self._pairs))
        globs = [f"*/{kernel}/*" for kernel in (near, name) if kernel]
        request = Request(copies.place(self.folder), "", (), {})
        self.do(self.folder, matrix, request, globs, self.manner)
        return self._figure(name)

    def _nearest(self, chain: Chain, state: int) -> str:
        """The kernel before it that was booted: where it is the same, it need not be."""
        older = (chain.kernel(other) for other in range(state - 1, -1, -1))
        return next((name for name in older if name in self._booted), "")

    def _figure(self, name: str) -> Figure | None:
        report = load.matrix_of(self.folder)
        self._booted |= {cell["kernel"] for cell in report["cells"] if cell["status"] == Status.PASSED}
        cells = with_figures(report["cells"], same_pairs(report.get("identical", ())))
        cell = next(cell for cell in cells if cell["kernel"] == name)
        failure = cell["failure"] or {}
        if cell["status"] in (Status.INFRA_FAILED, Status.SKIPPED):
            message = failure.get("message", "it was not measured")
            raise InfraError(f"{cell['id']}: {message}", kind="bisect", hint=failure.get("hint", ""))
        boots = cell["metrics"].get(self.metric, {"boots": []})["boots"]
        if cell["status"] == Status.PASSED and any(boots):
            return Figure(boots, cell["units"] or 1)
        self.lost[name] = failure.get("message") or f"it has no {self.metric}"
        return None
