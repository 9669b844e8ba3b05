# SPDX-License-Identifier: GPL-2.0-or-later
"""The config follows the patch: what its lines need, what of that an arch can have, and kernels that have it.

Kernels are configured here, not built. What Kconfig files say is proposed to the kernel's own make, and what its
.config then has is what counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.analyse.contract import MatrixReport, NeededRow
from orchestrator.analyse.identical import left_out
from orchestrator.build import kconfig, switching
from orchestrator.build.kconfig import Definition
from orchestrator.build.kernel import Builder
from orchestrator.build.sourcediff import Sources
from orchestrator.build.switching import Kconfig
from orchestrator.config import plan as plans
from orchestrator.config import steps
from orchestrator.config.fragments import named_as
from orchestrator.config.steps import Pair
from orchestrator.errors import BuildError
from orchestrator.measure import timings
from orchestrator.measure.against import CONFIG, Comparing
from orchestrator.model import Arch, Build, Cell, Comparison, Config, Kernel, Matrix, Plan, Status
from orchestrator.profile import built as parts
from orchestrator.profile.built import Part, Why
from orchestrator.series import diff

ROUNDS = 3  # what a line needs may show only where its file is built
NAMED = 2  # options in a kernel's name; of more the first
ONLY_ON = "it is on, and options are switched on only"


@dataclass(frozen=True)
class Had:
    """Of one arch, options as CONFIG_X. needed: of which lines of both kernels' configs have all; own: the change's,
    on in a further kernel; lines: of a .config, all that is switched on for either; lost: {option: why}."""

    arch: Arch
    needed: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    own_lines: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Followed:
    """matrix: with the further kernels. select: globs of all cells that are to be measured of it; more: of those that
    are not yet, and of kernels that they are compared with."""

    matrix: Matrix
    select: tuple[str, ...]
    more: tuple[str, ...]
    needed: tuple[NeededRow, ...]

    @property
    def options(self) -> dict[str, list[str]]:
        """{CONFIG_X: arches that have it now}"""
        found: dict[str, list[str]] = {}
        for row in self.needed:
            if row["with_new"]:
                found.setdefault(row["option"], []).append(row["arch"])
        return found


@dataclass
class Following:
    """What all arches of a check share. pair: its two kernels; report: what is known of them."""

    matrix: Matrix
    report: MatrixReport
    pair: Comparison
    builder: Builder

    def __post_init__(self) -> None:
        self._comparing = Comparing(self.builder, self.builder.store)

    async def __call__(self) -> Followed:
        """KmatrixError where the testbed fails."""
        made = [had for pair in self._pairs() if (had := await self._arch(pair))]
        return followed(self.matrix, self.pair, made)

    def _pairs(self) -> list[Pair]:
        """Of arches where nothing of the two failed."""
        mine = (self.pair.base, self.pair.new)
        broken = {
            cell["arch"]
            for cell in self.report["cells"]
            if cell["kernel"] in mine and cell["status"] != Status.PASSED and not left_out(cell)
        }
        found = steps.pairs(plans.plan(replace(self.matrix, comparisons=(self.pair,))))
        return [pair for pair in found if pair.new.arch.name not in broken]

    async def _arch(self, pair: Pair) -> Had | None:
        """None where nothing is to be done."""
        base, new = await self.builder.find(pair.base), await self.builder.find(pair.new)
        sources = await self._comparing.change(pair)
        if not base or not new or not sources or not all((its.folder / CONFIG).is_file() for its in (base, new)):
            return None
        wanted = self._wanted(pair.new.arch)
        added = switching.added(diff.added(sources.text))
        if not wanted and not added:
            return None
        have = [kconfig.options((its.folder / CONFIG).read_text().splitlines()) for its in (base, new)]
        arch = _Arch(self, pair, sources, added, have[0], have[1])
        return await arch.had(wanted)

    def _wanted(self, arch: Arch) -> list[str]:
        """Options that changed lines lack there."""
        mine = (arch.name, self.pair.base, self.pair.new)
        rows = [row for row in self.report.get("not_built", ()) if (row["arch"], row["base"], row["new"]) == mine]
        words = (word for row in rows if row["why"] != Why.OTHER_ARCH for word in (row["option"] or "").split())
        return list(dict.fromkeys(words))

    async def configured(self, kernel: Kernel, arch: Arch, lines: Sequence[str]) -> dict[str, str] | str:
        """The .config of a kernel with these lines, or why there is none."""
        matrix = replace(self.matrix, arches=(arch,), kernels=(with_lines(self.matrix, kernel, {arch.name: lines}),))
        [build] = plans.builds(matrix)
        with self.builder.store.scratch() as scratch:
            try:
                text, _ = await self.builder.config(build, scratch / "build.log")
            except BuildError as error:
                return error.message
        return kconfig.options(text.splitlines())


@dataclass(frozen=True)
class _Arch:
    """added: options that the change adds; have, new_have: .configs of the two kernels."""

    check: Following
    pair: Pair
    sources: Sources
    added: set[str]
    have: Mapping[str, str]
    new_have: Mapping[str, str]

    async def had(self, wanted: Sequence[str]) -> Had:
        """What can be had of these options, and of the change's own."""
        arch = self.pair.new.arch
        lost = {word: ONLY_ON for word in wanted if "=" in word}
        definitions, new_definitions = await asyncio.to_thread(self._definitions)
        own = switching.own(diff.added(self.sources.text), new_definitions, self.new_have)
        own += [name for name in wanted if name in self.added and name not in own]
        needed = [name for name in wanted if name not in (*self.added, *lost)]
        mine = switching.propose(new_definitions, self.new_have, own)
        needed += [name for name in _options(mine.lines) if name not in (*self.added, *needed)]
        lines, after = await self._needed(definitions, needed, [*own, *lost])
        found = [name for name in needed if after.get(name) == "y"]
        for name in needed:
            if name not in found:
                lost[name] = _why(definitions, self.have, after, name)
        own_lines: tuple[str, ...] = ()
        if own:
            own_lines = tuple(line for line in mine.lines if line not in lines)
            last = await self.check.configured(self.pair.new.kernel, arch, _marked([*lines, *own_lines], ()))
            options = last if isinstance(last, dict) else {}
            for name in own:
                if options.get(name) != "y":
                    lost[name] = mine.why.get(name) or _why(new_definitions, self.new_have, options, name)
            own_lines = tuple(line for line in own_lines if options.get(line.partition("=")[0]) == "y")
        mine_had = tuple(name for name in own if name not in lost)
        return Had(arch, tuple(found), mine_had, lines, own_lines if mine_had else (), lost)

    def _definitions(self) -> tuple[list[Definition], list[Definition]]:
        """Of the two kernels' sources: the same where the change adds no option."""
        srcarch = self.pair.new.arch.srcarch
        base = list(kconfig.defined(self.sources.reader(self.sources.base), srcarch))
        if not self.added:
            return base, base
        return base, list(kconfig.defined(self.sources.reader(self.sources.new), srcarch))

    async def _needed(
        self, definitions: Sequence[Definition], needed: list[str], others: Sequence[str]
    ) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """Lines that the kernel's make takes, and its .config then; what only shows on the way is added to needed."""
        after = self.have
        for _ in range(ROUNDS):
            proposal = switching.propose(definitions, self.have, needed)
            if not proposal.lines:
                return (), self.have
            found = await self.check.configured(
                self.pair.base.kernel, self.pair.base.arch, _marked(proposal.lines, ())
            )
            if isinstance(found, str):  # then nothing of it can be had: the kernel would lack what it must have
                return (), {}
            after = found
            more = [name for name in await self._lacking(after) if name not in (*needed, *others, *self.added)]
            more = [name for name in more if "=" not in name]
            if not more:
                break
            needed += more
        return tuple(line for line in proposal.lines if after.get(line.partition("=")[0]) == "y"), after

    async def _lacking(self, options: Mapping[str, str]) -> list[str]:
        """What changed lines would still need with this .config."""
        sides = (self.sources.base, self.sources.new)
        srcarch = self.pair.new.arch.srcarch
        kernels = (parts.Kernel(None, options, self.sources.reader(its), srcarch) for its in sides)
        lines = await asyncio.to_thread(parts.line_parts, self.sources.text, *kernels)
        out = [line for line in lines if line.part is Part.NOT_BUILT and line.why is not Why.OTHER_ARCH]
        return list(dict.fromkeys(name for line in out for name in line.options))


def _options(lines: Iterable[str]) -> list[str]:
    return [line.partition("=")[0] for line in lines]


def _why(definitions: Sequence[Definition], before: Mapping[str, str], after: Mapping[str, str], name: str) -> str:
    """By the Kconfig files, or else by what became of it."""
    said = switching.propose(definitions, before, [name]).why.get(name)
    return said or Kconfig(definitions, after or before).off(name.removeprefix("CONFIG_"))


def _marked(lines: Sequence[str], essential: Sequence[str]) -> tuple[str, ...]:
    """As a config has them: what is not essential may be lost."""
    return tuple(line if line.partition("=")[0] in essential else f"{line}  #: wished" for line in lines)


def with_lines(
    matrix: Matrix, kernel: Kernel, lines: Mapping[str, Sequence[str]], options: Sequence[str] = ()
) -> Kernel:
    """A kernel with further lines, by arch, in its config, which is named after these options, too. The user's own
    lines come behind them."""
    config = kernel.config or matrix.config
    name = config.name + suffix(options)
    table = {arch: named_as(name, (*its, *lines.get(arch, ()))) for arch, its in config.lines.items()}
    return replace(kernel, name=kernel.name + suffix(options), config=Config(name, table))


def suffix(options: Sequence[str]) -> str:
    """+CONFIG_A, +CONFIG_A+CONFIG_B, +CONFIG_A+2more"""
    more = len(options) - NAMED
    shown = options if more <= 0 else [options[0], f"{more + 1}more"]
    return "".join(f"+{name}" for name in shown)


def followed(matrix: Matrix, pair: Comparison, made: Sequence[Had]) -> Followed:
    """Kernels for all that can be had: one pair for arches that have the same. Pure."""
    base, new = (next(its for its in matrix.kernels if its.name == name) for name in (pair.base, pair.new))
    kernels, comparisons = list[Kernel](), list[Comparison]()
    select, more, rows = list[str](), list[str](), list[NeededRow]()
    for group in _groups(made):
        needed, own = group[0].needed, group[0].own
        lines = {had.arch.name: _marked(had.lines, needed) for had in group}
        before, after = (with_lines(matrix, its, lines, needed) if needed else its for its in (base, new))
        before, after = (_apart(its, kernels) for its in (before, after))
        kernels += [before, after] if needed else []
        comparisons += [Comparison(before.name, after.name)] if needed else []
        last = after
        if own:
            mine = {had.arch.name: (*lines[had.arch.name], *_marked(had.own_lines, own)) for had in group}
            last = _apart(with_lines(matrix, new, mine, (*needed, *own)), kernels)
            kernels.append(last)
            comparisons.append(Comparison(after.name, last.name))
        made_here = dict.fromkeys(its.name for its in ((before, after) if needed else ()))
        made_here |= {last.name: None} if own else {}
        others = (before.name, after.name)  # what is known of them is used: nothing is done again
        for had in group:
            select += [f"{had.arch.name}/{name}/*" for name in made_here]
            more += [f"{had.arch.name}/{name}/*" for name in (*made_here, *others)] if made_here else []
            rows += _rows(had, pair, (before.name, after.name), (after.name, last.name))
    return Followed(
        replace(matrix, kernels=(*matrix.kernels, *kernels), comparisons=(*matrix.comparisons, *comparisons)),
        (*(f"*/{kernel.name}/*" for kernel in matrix.kernels), *dict.fromkeys(select)),
        tuple(dict.fromkeys(more)),
        tuple(rows),
    )


def _groups(made: Sequence[Had]) -> list[list[Had]]:
    """Arches that have the same options."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Had]] = {}
    for had in made:
        found.setdefault((had.needed, had.own), []).append(had)
    return list(found.values())


def _apart(kernel: Kernel, others: Sequence[Kernel]) -> Kernel:
    """With a name of its own: where options are many, not all are in it."""
    names, number, name = {its.name for its in others}, 1, kernel.name
    while name in names:
        number += 1
        name = f"{kernel.name}-{number}"
    return replace(kernel, name=name)


def _rows(had: Had, pair: Comparison, needed: tuple[str, str], own: tuple[str, str]) -> list[NeededRow]:
    def row(option: str, mine: bool, kernels: tuple[str, str] | None, why: str = "") -> NeededRow:
        names = kernels or (None, None)
        return NeededRow(
            arch=had.arch.name, base=pair.base, new=pair.new,
            option=option, own=mine, with_base=names[0], with_new=names[1], why=why,
        )  # fmt: skip

    return [
        *(row(option, False, needed) for option in had.needed),
        *(row(option, True, own) for option in had.own),
        *(row(option, False, None, why) for option, why in had.lost.items()),
    ]


async def seconds(builder: Builder, made: Plan, done: Iterable[str], side_by_side: int) -> float | None:
    """How long a plan may take, as things took before; None if nobody knows. done: cells that need nothing."""
    ended = set(done)
    took = [await _build_seconds(builder, build) for build in made.builds]
    todo = [boot.cell.arch.name for boot in made.boots if boot.cell.id not in ended]
    boots = [timings.recall(builder.store, timings.of_boot(arch)) for arch in todo]
    if any(one is None for one in (*took, *boots)):
        return None
    return sum(one or 0.0 for one in took) + sum(one or 0.0 for one in boots) / max(1, side_by_side)


async def _build_seconds(builder: Builder, build: Build) -> float | None:
    """As it took before; else as the kernel with the usual config did, of which a good part is built anew."""
    if await builder.find(build):
        return 0.0
    known = timings.recall(builder.store, timings.of_build(build))
    return known if known is not None else timings.recall(builder.store, timings.of_usual_build(build))


def cells_done(cells: Iterable[Cell], report: MatrixReport) -> list[str]:
    """Of a plan's cells those that a run has."""
    known = {cell["id"] for cell in report["cells"] if cell["status"] == Status.PASSED or left_out(cell)}
    return [cell.id for cell in cells if cell.id in known]
