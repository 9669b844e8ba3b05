# SPDX-License-Identifier: GPL-2.0-or-later
"""Who watches a boot: a stage that is late is looked into, and ended once it is plain that it does not go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from orchestrator.build import addr2line
from orchestrator.errors import KernelBroke, KmatrixError, TimedOut
from orchestrator.guest.console import tail
from orchestrator.guest.qemu import Guest
from orchestrator.measure import addresses, pace
from orchestrator.measure.pace import Pace, Took
from orchestrator.model import Arch, KernelArtifact
from orchestrator.profile import standstill
from orchestrator.profile.lines import Frame, parse_places
from orchestrator.profile.relocation import Relocation
from orchestrator.profile.standstill import Look, State, Verdict
from orchestrator.profile.symbols import Symbols
from orchestrator.registry import counted

CHECK, EACH = 0.5, 0.1  # seconds between two questions whether it is late, and of CPU time between two looks
KEPT = 600  # looks
SHOWN = 8  # functions, and lines, of a log
SERVED = ("login", "push", "fetch")  # stages in which the guest waits for the host: slow may be either
# {stage: (what it did not do, kind of its error)}
STAGES = {
    "boot": ("did not become ready", "not_ready"),
    "login": ("let nobody log in", "ssh_login"),
    "push": ("did not take the workload", "push"),
    "warm-up": ("did not finish {workload}", "hang"),
    "measure": ("did not finish {workload}", "hang"),
    "fetch": ("did not give the results", "fetch"),
}


@dataclass
class Watch:
    """Of one boot's guests. took: what the stages that ended well took."""

    arch: Arch
    workload: str
    kernel: KernelArtifact
    pace: Pace
    skips_idle: bool  # who waits for a time that comes gets it at once: instruction clock, no disk
    took: dict[str, Took] = field(default_factory=dict)
    _symbols: Symbols | None = None
    _relocation: Relocation | None = None

    @asynccontextmanager
    async def during(self, stage: str, running: Guest, limit: float) -> AsyncIterator[None]:
        """Of the guest in one stage, whose limit (s) is the ceiling.

        A guest that is on time is left alone: to ask for its registers takes QEMU's big lock for a moment, and an
        exact figure is to rest on nothing but the guest. (Figures of guests that were asked turned out the same.)
        """
        began, before = time.monotonic(), running.cpu_seconds()

        def now() -> Took:
            return Took(time.monotonic() - began, running.cpu_seconds() - before)

        watching = asyncio.create_task(_Watching(self, stage, running, limit).until_it_ends(now))
        try:
            yield
            self.took[stage] = now()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await watching

    def learn(self) -> None:
        """What its stages took is what others are measured by."""
        self.pace.learn(self.took)

    @property
    def idle(self) -> tuple[str, ...]:
        """The arch's own functions that wait."""
        return self.arch.registers.idle if self.arch.registers else ()

    async def relocation(self) -> Relocation:
        """Where the kernel runs; read as its symbols are."""
        if self._relocation is None:
            self._relocation = await asyncio.to_thread(addresses.relocation, self.kernel, self.arch)
        return self._relocation

    async def symbols(self) -> Symbols:
        """Of the kernel; read when the first guest is late."""
        if self._symbols is None:
            self._symbols = await asyncio.to_thread(addresses.linked, self.kernel, self.arch)
        return self._symbols


@dataclass
class _Watching:
    """One stage of one guest."""

    watch: Watch
    stage: str
    running: Guest
    limit: float
    looks: list[Look] = field(default_factory=list)

    async def until_it_ends(self, now: Callable[[], Took]) -> None:
        """Or is condemned."""
        while True:
            await asyncio.sleep(EACH if self.looks else CHECK)
            took, known = now(), self.watch.pace.took(self.stage)
            if not pace.late(known, took, self.limit):
                self.looks.clear()
                continue
            try:
                await self._look(took)
                error = await self._judged(known, took)
            except OSError:  # there is no System.map: the guest has its limits, as anybody's
                return
            if error:
                self.running.condemn(error)
                return

    async def _look(self, took: Took) -> None:
        """If there may be something new."""
        last = self.looks[-1] if self.looks else None
        if last and took.cpu < last.cpu + EACH and took.host < last.host + 2 * EACH:
            return
        if places := await self.running.look():
            relocation = await self.watch.relocation()
            places = tuple(replace(place, address=relocation.linked(place.address)) for place in places)
            self.looks = [*self.looks[-KEPT:], Look(took.host, took.cpu, places)]

    async def _judged(self, known: Took | None, took: Took) -> KmatrixError | None:
        """What the guest ends with; None while it may go on."""
        if not self.looks:
            return None  # that the limit has passed is told without us
        served = self.stage in SERVED
        over = not served and pace.over(known, took, self.limit)
        found = standstill.judge(self.looks, await self.watch.symbols(), self.watch.idle)
        if found.state is State.SPINS and (over or pace.spent(known, took)):
            return await self._spins(found, known, took)
        patient = served or not self.watch.skips_idle
        if found.state is State.WAITS and (over or (pace.waited(known, took) and not patient)):
            return self._late(
                f"{self._what}: for {found.seconds:.0f} s nothing ran in it", "waits", found, known, took
            )
        if over:
            seconds = self.limit if took.host > self.limit - 1 else took.host
            return self._late(f"{self._what} within {seconds:.3g} s", self._kind, found, known, took)
        return None

    @property
    def _what(self) -> str:
        return f"the guest {STAGES[self.stage][0].format(workload=self.watch.workload)}"

    @property
    def _kind(self) -> str:
        return STAGES[self.stage][1]

    async def _spins(self, found: Verdict, known: Took | None, took: Took) -> KernelBroke:
        """With the functions' names, those of the source where a line table tells them."""
        hot = standstill.hot(found)
        frames = await self._frames(hot)
        first, *others = (_named(name, frames.get(name)) for name in hot)
        more = f" and {counted(len(others), 'more function')} ({', '.join(others)})" if others else ""
        stayed = f"for {found.seconds:.0f} s its program counter stayed there"
        return KernelBroke(
            f"the kernel spins in {first}{more}: {stayed}, and {self._what}{self._before(known, took)}",
            kind="endless_loop",
            hint="the log says where it was seen; the whole console is in the run folder (console.log)",
            log=self._log(found, frames),
        )

    def _late(self, words: str, kind: str, found: Verdict, known: Took | None, took: Took) -> TimedOut:
        hint = "the log says where it was seen, and has the guest's last console lines"
        return TimedOut(f"{words}{self._before(known, took)}", kind=kind, hint=hint, log=self._log(found, {}))

    def _before(self, known: Took | None, took: Took) -> str:
        """What is known of others."""
        if known is None:
            return ""
        return (
            f" ({self.stage} takes {known.host:.1f} s with other kernels; this one was ended after {took.host:.0f} s)"
        )

    async def _frames(self, hot: Sequence[str]) -> dict[str, Frame]:
        """{symbol: the function and line of the source it spins in}, where a vmlinux tells."""
        vmlinux = self.watch.kernel.folder / "vmlinux"
        if not vmlinux.is_file():
            return {}
        known = await self.watch.symbols()
        found = {name: standstill.addresses(self.looks, known, name) for name in hot}
        asked = sorted({address for places in found.values() for address in places})
        try:
            told = parse_places(await addr2line.places(vmlinux, self.watch.arch.cross_prefix, asked))
        except KmatrixError:  # it spins, whatever its lines are
            return {}
        frames = {name: standstill.loop(places, told) for name, places in found.items()}
        return {name: frame for name, frame in frames.items() if frame}

    def _log(self, found: Verdict, frames: Mapping[str, Frame]) -> str:
        rows = [f"{share:7.1%}  {_named(name, frames.get(name))}" for name, share in found.functions[:SHOWN]]
        seen = f"The program counter was looked at {found.looks} times in {found.seconds:.0f} s, and was in"
        said = tail(self.running.console.text)
        return "\n".join([seen, *rows, "", "The console's last lines:" if said else "The console is empty.", said])


def _named(symbol: str, frame: Frame | None) -> str:
    """do_shared_fault (mm/memory.c:4713, part of do_fault)"""
    if frame is None:
        return symbol
    part = "" if frame.function == symbol.partition(".")[0] else f", part of {symbol}"
    return f"{frame.function} ({frame.file}:{frame.line}{part})"
