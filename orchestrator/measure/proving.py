# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a run that ask whether a change is right. They come behind all figures, which are what they are; why
something could not be asked is kept, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.analyse import findings
from orchestrator.analyse.selftests import not_tried
from orchestrator.build import guest_tools
from orchestrator.build.selftests import Making
from orchestrator.build.variants import Variants
from orchestrator.config import steps
from orchestrator.config.steps import Pair, Results
from orchestrator.errors import BuildError, InfraError, KmatrixError
from orchestrator.events import Bus, Note, Stage
from orchestrator.measure import style, timings, variants
from orchestrator.measure.against import Comparing
from orchestrator.measure.boots import Boots, stage
from orchestrator.measure.given import given
from orchestrator.model import KernelArtifact, Plan, Status, Step, StepKind, Testing, Variant, Watching
from orchestrator.runs import debug_file, selftest_file, variant_file
from orchestrator.runs.folder import RunFolder

KINDS = frozenset({StepKind.DEBUG, StepKind.VARIANT, StepKind.STYLE, StepKind.SELFTEST})


@dataclass
class Proving:
    """Of one run. guests: where kernels are booted."""

    plan: Plan
    folder: RunFolder
    bus: Bus
    comparing: Comparing
    guests: Callable[[], Boots]

    def __post_init__(self) -> None:
        self._store = self.comparing.store
        self._variants, self._styles = steps.variants(self.plan), steps.styles(self.plan)
        self._watching = {its.id: its for its in self.plan.watching}
        self._testing = {its.build.id: its for its in self.plan.testing}

    def has(self, step: Step) -> bool:
        """Did an earlier start of this run do it?"""
        match step.kind:
            case StepKind.DEBUG:
                return debug_file.known(self.folder, self._watching[step.subject])
            case StepKind.SELFTEST:
                times = range(self._testing[step.subject].times)
                return all(selftest_file.known(self.folder, step.subject, number) for number in times)
            case StepKind.VARIANT:
                variant, pair = self._variants[step.subject]
                names = (pair.base.kernel.name, pair.new.kernel.name)
                return variant_file.known(self.folder, variant.name, *names)
        return False

    async def __call__(self, step: Step, results: Results, failures: Sequence[KmatrixError]) -> InfraError | None:
        """See executors.Runner. What kept it from being asked here, and is in the folder: another machine may ask."""
        match step.kind:
            case StepKind.VARIANT:
                return await self._variant(*self._variants[step.subject], step, results)
            case StepKind.STYLE:
                await self._style(self._styles[step.subject])
            case StepKind.SELFTEST:
                return await self._selftest(self._testing[step.subject], step, results, failures)
            case StepKind.DEBUG:
                return await self._debug(self._watching[step.subject], step, results, failures)
        return None

    async def _debug(
        self, its: Watching, step: Step, results: Results, failures: Sequence[KmatrixError]
    ) -> InfraError | None:
        """That it is not built, or could not be tried, is kept, too; the figures are what they are."""
        if debug_file.known(self.folder, its):
            return None
        kernel = results[step.after[0]]
        if not isinstance(kernel, KernelArtifact):
            assert isinstance(kernel, KmatrixError)
            debug_file.save(self.folder, its, findings.not_tried(kernel))
            return None
        tools = {}
        for workload in its.workloads:
            with suppress(BuildError):  # it is left out, which is told
                tools[workload.name] = await guest_tools.tool(self._store, its.build.arch, workload, failing=True)
        image, failed = given(results, step.inputs[1], Path), None
        try:
            seen = await self.guests().watched(its, kernel, image, tools, step.niceness)
        except InfraError as error:
            if len(failures) < step.retries:
                raise
            seen, failed = findings.not_tried(error), error
        debug_file.save(self.folder, its, {**seen, "notes": [*seen["notes"], *_lacks(kernel)]})
        return failed

    async def _variant(self, variant: Variant, pair: Pair, step: Step, results: Results) -> InfraError | None:
        """Without it the figures are what they are."""
        base, new = pair.base.kernel.name, pair.new.kernel.name
        if variant_file.known(self.folder, variant.name, base, new):
            return None
        built = {its.build_id: its for its in results.values() if isinstance(its, KernelArtifact)}
        like = [its for name, its in built.items() if name.endswith(f"/{base}")]
        one = built.get(f"{variant.arch.name}/{base}") or next(iter(like), None)
        look = variants.Looking(self.comparing, Variants(self.comparing.builder))
        place, failed = self.folder.path / variant_file.place(variant.name, base, new), None
        try:
            with stage(
                self.bus, self._store, f"{variant.name} {pair.id}", Stage.VARIANT, timings.of_variant(variant.name)
            ):
                found = await look(variant, pair, one, place)
        except KmatrixError as error:
            found = variants.left_out(variant, pair, f"it could not be tried: {error.message}")
            failed = error if isinstance(error, InfraError) else None
        if found:
            variant_file.save(self.folder, variant.name, base, new, found)
        return failed

    async def _style(self, pair: Pair) -> None:
        """Without it the figures are what they are."""
        base, new = pair.base.kernel.name, pair.new.kernel.name
        if variant_file.known(self.folder, variant_file.STYLE, base, new):
            return
        try:
            found = await style.Looking(self.comparing)(pair)
        except KmatrixError as error:
            found = style.left_out(pair, f"it could not be tried: {error.message}")
        if found:
            variant_file.save(self.folder, variant_file.STYLE, base, new, found)

    async def _selftest(
        self, its: Testing, step: Step, results: Results, failures: Sequence[KmatrixError]
    ) -> InfraError | None:
        """Why they could not be run is kept, too; the figures are what they are."""
        kernel, image = given(results, step.inputs[0], KernelArtifact), given(results, step.inputs[1], Path)
        build = its.build
        left = [number for number in range(its.times) if not selftest_file.known(self.folder, build.id, number)]
        try:
            if not left:
                return None
            with stage(self.bus, self._store, f"{build.id} programs", Stage.SELFTEST, f"tests-{build.arch.name}"):
                programs = await Making(self.comparing.builder, its.selftests)(build)
            for number in left:
                seen = await self.guests().selftested(its, kernel, image, programs, number, step.niceness)
                selftest_file.save(self.folder, build.id, number, seen)
        except KmatrixError as error:
            if error.status is Status.INFRA_FAILED and len(failures) < step.retries:
                raise
            words = ": ".join(filter(None, ("they could not be run", error.message, error.hint)))
            if selftest_file.known(self.folder, build.id, 0):  # another time of it could not
                self.bus.emit(Note(build.id, words))
            else:
                selftest_file.save(self.folder, build.id, 0, not_tried(words))
            return error if isinstance(error, InfraError) else None
        return None


def _lacks(kernel: KernelArtifact) -> list[str]:
    """What a kernel that watches itself cannot have on its Linux and architecture: it looks at none of that."""
    wished = kernel.info.get("wished")
    lost = [name for name, row in wished.items() if row.startswith(f"{name}=y ")] if isinstance(wished, dict) else []
    return [f"built without {', '.join(lost)}, which this Linux does not have there"] if lost else []
