# SPDX-License-Identifier: GPL-2.0-or-later
"""Who watches a boot, of guests that are none: left alone while it is on time, ended when it does not go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import arches
from orchestrator.errors import InfraError, KernelBroke, KmatrixError, TimedOut
from orchestrator.measure import pace, watch
from orchestrator.measure.pace import Took
from orchestrator.measure.watch import Watch
from orchestrator.model import KernelArtifact
from orchestrator.profile.standstill import Place
from orchestrator.store import Store
from tests.unit.executors.test_local import at_once
from tests.unit.measure.test_pace import BASE

MAP = """\
0000000000001000 T do_fault
0000000000002000 t default_idle
0000000000003000 T shmem_fault
0000000000004000 T clear_page
0000000000005000 T memcpy
0000000000006000 T filemap_map_pages
0000000000007000 T mas_walk
0000000000008000 B end
"""
SPINS, IDLE = Place(0x1010), Place(0x2004)
BUSY = [Place(0x1000 * n) for n in (1, 3, 4, 5, 6, 7)] + [Place(0x3010, user=True)]
PLACES = """\
0x0000000000001010
cpu_relax
/src/asm/processor.h:20
do_shared_fault
mm/memory.c:4688
do_fault
mm/memory.c:4763
"""


@dataclass
class Guest:
    """It burns so much of the time that passes, and is where `at` says."""

    at: Callable[[int], Place] = lambda _: SPINS
    burns: float = 1.0
    text: str = "kmatrix: ready\n"
    asked: int = 0
    error: KmatrixError | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def cpu_seconds(self) -> float:
        return asyncio.get_running_loop().time() * self.burns

    @property
    def console(self) -> SimpleNamespace:
        return SimpleNamespace(text=self.text)

    async def look(self) -> tuple[Place, ...]:
        self.asked += 1
        return (self.at(self.asked),)

    def condemn(self, error: KmatrixError) -> None:
        self.error = error
        self.ended.set()


@pytest.fixture
def its(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A watch of a kernel whose warm-up takes 5 s."""

    def clock() -> float:
        return asyncio.get_running_loop().time()

    async def places(*_: object) -> str:
        return PLACES

    async def here(function: Callable[..., Any], *arguments: Any) -> Any:
        """In a thread the clock of these tests would not wait for it."""
        return function(*arguments)

    monkeypatch.setattr(watch.asyncio, "to_thread", here)
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=clock))
    monkeypatch.setattr(watch.addr2line, "places", places)
    (tmp_path / "System.map").write_text(MAP)
    kernel = KernelArtifact("x86_64/patched", "k", tmp_path, tmp_path / "Image", "6.1", {})
    known = pace.of(Store(tmp_path / "cache"), "x86_64", BASE)
    known.learn({stage: Took(6.0, 5.0) for stage in watch.STAGES})
    return Watch(arches.known()["x86_64"], "shmem-write", kernel, known, skips_idle=True)


def stage(its: Watch, guest: Guest, name: str = "warm-up", seconds: float = 3000, limit: float = 600) -> float:
    """The guest's stage, as long as nobody ends it; when it ended."""

    async def play() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        guest.ended = asyncio.Event()
        async with its.during(name, guest, limit):  # type: ignore[arg-type]
            await asyncio.wait({loop.create_task(guest.ended.wait())}, timeout=seconds)
        return loop.time() - began

    return float(at_once(play()))


def test_a_guest_that_is_on_time_is_never_asked(its: Watch) -> None:
    guest = Guest()
    stage(its, guest, seconds=11)
    assert guest.asked == 0 and guest.error is None
    assert its.took["warm-up"].cpu == pytest.approx(11, abs=0.1)


def test_nor_on_a_host_that_is_busy(its: Watch) -> None:
    guest = Guest(burns=0.3)
    stage(its, guest, seconds=27)
    assert guest.asked == 0


def test_a_kernel_that_spins_is_told_by_the_names_of_the_source(its: Watch, tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_text("")
    guest = Guest()
    took = stage(its, guest)
    assert isinstance(guest.error, KernelBroke) and guest.error.kind == "endless_loop" and guest.error.exit_code == 3
    assert 18 <= took <= 20, "no sooner than thrice what it takes"
    assert guest.error.message.startswith(
        "the kernel spins in do_shared_fault (mm/memory.c:4688, part of do_fault): "
    )
    assert guest.error.message.endswith(
        "and the guest did not finish shmem-write (warm-up takes 6.0 s with other kernels; this one was ended after "
        f"{took:.0f} s)"
    )
    assert "100.0%  do_shared_fault" in guest.error.log and guest.error.log.endswith("kmatrix: ready")


def test_and_by_its_symbols_where_no_line_is_known(
    its: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = Guest(lambda n: Place(0x3000) if n % 4 == 0 else SPINS, text="")
    stage(its, two)
    assert two.error and "spins in do_fault and 1 more function (shmem_fault): for" in two.error.message
    assert two.error.log.endswith("The console is empty.\n")

    async def fails(*_: object) -> str:
        raise InfraError("no addr2line")

    monkeypatch.setattr(watch.addr2line, "places", fails)
    (tmp_path / "vmlinux").write_text("")
    stage(its, guest := Guest())
    assert guest.error and "spins in do_fault: for" in guest.error.message


def test_a_host_that_is_busy_takes_longer_and_says_the_same(its: Watch) -> None:
    guest = Guest(burns=0.25)
    took = stage(its, guest)
    assert isinstance(guest.error, KernelBroke) and 72 <= took <= 80


@pytest.mark.parametrize("at", [lambda n: BUSY[n % len(BUSY)], lambda n: replace(SPINS, user=True)])
def test_one_that_goes_on_is_given_ten_times_what_it_takes(its: Watch, at: Callable[[int], Place]) -> None:
    guest = Guest(at)
    took = stage(its, guest, seconds=79)
    assert guest.error is None and guest.asked > 100
    took = stage(its, guest)
    assert isinstance(guest.error, TimedOut) and guest.error.kind == "hang" and 80 <= took <= 81
    assert guest.error.message.startswith("the guest did not finish shmem-write within 80")


def test_a_guest_that_waits_is_no_kernel_that_spins(its: Watch) -> None:
    guest = Guest(lambda _: IDLE, burns=0.01)
    took = stage(its, guest)
    assert isinstance(guest.error, TimedOut) and guest.error.kind == "waits" and 38 <= took <= 40
    assert guest.error.message.startswith("the guest did not finish shmem-write: for 10 s nothing ran in it (")


@pytest.mark.parametrize(("name", "skips"), [("warm-up", False), ("login", True), ("fetch", True)])
def test_who_may_wait_for_a_disk_or_for_us_is_left_to(its: Watch, name: str, skips: bool) -> None:
    its.skips_idle = skips
    guest = Guest(lambda _: IDLE, burns=0.01)
    stage(its, guest, name, seconds=200)
    assert guest.error is None


def test_a_login_that_ends_in_a_loop_is_told(its: Watch) -> None:
    stage(its, guest := Guest(), "login")
    assert guest.error and "and the guest let nobody log in (login takes" in guest.error.message


def test_a_stage_of_which_nothing_is_known_is_looked_into_before_its_limit(its: Watch) -> None:
    its.pace = pace.of(its.pace.store, "aarch64", BASE)
    took = stage(its, guest := Guest(), "boot", limit=120)
    assert isinstance(guest.error, KernelBroke) and 119 <= took < 120 and guest.asked < 160
    assert guest.error.message.endswith("and the guest did not become ready")
    stage(its, other := Guest(lambda n: BUSY[n % len(BUSY)]), "boot", limit=15)
    assert other.error and other.error.kind == "not_ready"
    assert other.error.message == "the guest did not become ready within 15 s"


def test_what_another_boot_learns_meanwhile_counts(its: Watch) -> None:
    other, its.pace = its.pace, pace.of(its.pace.store, "aarch64", BASE)

    def at(_: int) -> Place:
        return SPINS

    async def play() -> float:
        guest, loop = Guest(at), asyncio.get_running_loop()
        guest.ended = asyncio.Event()
        began = loop.time()
        async with its.during("warm-up", guest, 600):  # type: ignore[arg-type]
            await asyncio.sleep(30)
            assert guest.asked == 0
            its.pace = other
            await guest.ended.wait()
        assert isinstance(guest.error, KernelBroke)
        return loop.time() - began

    assert 36 <= float(at_once(play())) <= 38


def test_a_kernel_without_symbols_has_its_limits(its: Watch, tmp_path: Path) -> None:
    (tmp_path / "System.map").unlink()
    stage(its, guest := Guest())
    assert guest.error is None


def test_nobody_looks_after_a_stage(its: Watch) -> None:
    async def play() -> Any:
        guest = Guest()
        with pytest.raises(TimedOut):
            async with its.during("warm-up", guest, 600):  # type: ignore[arg-type]
                raise TimedOut("x")
        await asyncio.sleep(1000)
        return guest

    guest = at_once(play())
    assert guest.asked == 0 and "warm-up" not in its.took
