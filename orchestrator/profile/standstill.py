# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a guest that is late go on? Looks at its program counters, one after the other, to a verdict. Pure.

A kernel that spins is in few functions whenever somebody looks, apart from what interrupts it; one that waits gets to
its idle loop again and again, and to no program; one that goes on is somewhere else each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from orchestrator.profile.lines import Frame
from orchestrator.profile.symbols import Symbols

FEW = 4  # functions: a loop, and what it calls
MOST = 0.97  # of the looks at a CPU that spins are in them; the tick of the clock and what it does are the rest
IDLE = 0.2  # of the looks at a CPU that waits find it in the idle loop; the tick and what it does are the rest
LOOKS = 40
SPINS_S = 6.0  # CPU seconds of QEMU: a busy host makes no guest spin
WAITS_S = 10.0  # seconds of the host: who waits needs no CPU
IDLE_LOOP = ("do_idle", "default_idle_call", "cpuidle_idle_call", "cpuidle_enter*", "arch_cpu_idle", "cpu_idle_poll*")
USER, UNKNOWN = "user space", "?"  # instead of a function's name


class State(StrEnum):
    """What a guest does."""

    UNKNOWN = "unknown"  # it was not looked at for long enough
    RUNS = "runs"
    SPINS = "spins"
    WAITS = "waits"


@dataclass(frozen=True)
class Place:
    """What a CPU is at."""

    address: int
    user: bool = False  # of a program, whatever symbol the kernel has there


@dataclass(frozen=True)
class Look:
    """A place for each CPU. host: when, in seconds; cpu: seconds of CPU time that QEMU had used by then."""

    host: float
    cpu: float
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Verdict:
    """What the guest does, and where it was seen: (function, share of the looks), the most frequent first; of a guest
    that spins, the CPUs that do. looks: how many; seconds: of the host, from the first to the last."""

    state: State
    functions: tuple[tuple[str, float], ...] = ()
    looks: int = 0
    seconds: float = 0.0


def judge(looks: Sequence[Look], symbols: Symbols, idle: Iterable[str] = ()) -> Verdict:
    """By the last of the looks, as many as it takes. idle: globs over the arch's own functions that wait."""
    quiet = (*IDLE_LOOP, *idle)
    burning = _last(list(_worked(looks)), lambda one: one.cpu, SPINS_S)
    if spinning := _spinning(burning, symbols, quiet):
        return _verdict(State.SPINS, burning, spinning)
    resting = _last(looks, lambda one: one.host, WAITS_S)
    everywhere = _by_cpu(resting, symbols)
    if everywhere and all(_waits(names, quiet) for names in everywhere):
        return _verdict(State.WAITS, resting, everywhere)
    seen = burning or resting
    return _verdict(State.RUNS if seen else State.UNKNOWN, looks, _by_cpu(looks, symbols))


def hot(found: Verdict) -> list[str]:
    """The functions that a guest that spins is in, the hottest first: as many as make MOST of the looks."""
    names, share = list[str](), 0.0
    for name, part in found.functions:
        if share >= MOST:
            break
        names.append(name)
        share += part
    return names


def addresses(looks: Sequence[Look], symbols: Symbols, function: str) -> Counter[int]:
    """{address: how often a CPU was seen there}, of one function."""
    places = (place for look in looks for place in look.places)
    return Counter(place.address for place in places if _name(place, symbols) == function)


def loop(found: Mapping[int, int], frames: Mapping[int, Sequence[Frame]]) -> Frame | None:
    """The innermost function of the source that most of these addresses are in, whatever it is inlined into, and its
    line that was seen most. None where no line is known. A header's (cpu_relax) says nothing of who spins."""
    total = sum(found.values())
    inside, depth = Counter[tuple[str, str]](), dict[tuple[str, str], int]()
    lines = dict[tuple[str, str], Counter[int]]()
    for address, count in found.items():
        known = [frame for frame in frames.get(address, ()) if frame.line]
        own = [frame for frame in known if not frame.file.endswith(".h")]
        for out, frame in enumerate(reversed(own or known)):
            key = (frame.function, frame.file)
            inside[key] += count
            lines.setdefault(key, Counter())[frame.line] += count
            depth[key] = max(out, depth.get(key, 0))
    most = [key for key, count in inside.items() if count >= MOST * total]
    if not most:
        return None
    function, file = max(most, key=lambda key: depth[key])
    return Frame(function, file, lines[function, file].most_common(1)[0][0])


def _worked(looks: Iterable[Look]) -> Iterator[Look]:
    """Those between which QEMU worked: a guest that got no CPU is where it was."""
    before = -1.0
    for one in looks:
        if one.cpu > before:
            before = one.cpu
            yield one


def _last(looks: Sequence[Look], clock: Callable[[Look], float], seconds: float) -> Sequence[Look]:
    """The fewest at the end that are enough, and so many seconds apart by this clock; none if there are not."""
    for first in range(len(looks) - LOOKS, -1, -1):
        if clock(looks[-1]) - clock(looks[first]) >= seconds:
            return looks[first:]
    return ()


def _by_cpu(looks: Sequence[Look], symbols: Symbols) -> list[Counter[str]]:
    """Of each CPU, how often it was seen in which function."""
    cpus = zip(*(look.places for look in looks), strict=False)
    return [Counter(_name(place, symbols) for place in places) for places in cpus]


def _name(place: Place, symbols: Symbols) -> str:
    return USER if place.user else symbols.at(place.address)[0] or UNKNOWN


def _spinning(looks: Sequence[Look], symbols: Symbols, quiet: Sequence[str]) -> list[Counter[str]]:
    """The CPUs that spin, if no other does anything but wait: while one goes on, another may wait for its lock."""
    cpus = _by_cpu(looks, symbols)
    spinning = [names for names in cpus if _few(names) and not _idle(names, quiet)]
    waiting = [names for names in cpus if _waits(names, quiet)]
    return spinning if len(spinning) + len(waiting) == len(cpus) else []


def _few(names: Counter[str]) -> bool:
    """Is it in few functions of the kernel?"""
    most = [(name, count) for name, count in names.most_common(FEW) if name not in (USER, UNKNOWN)]
    return sum(count for _, count in most) >= MOST * names.total()


def _waits(names: Counter[str], quiet: Sequence[str]) -> bool:
    return not names[USER] and _idle(names, quiet) >= IDLE * names.total()


def _idle(names: Counter[str], quiet: Sequence[str]) -> int:
    return sum(count for name, count in names.items() if any(fnmatchcase(name, glob) for glob in quiet))


def _verdict(state: State, looks: Sequence[Look], cpus: Iterable[Counter[str]]) -> Verdict:
    names = sum(cpus, Counter[str]())
    shares = tuple((name, count / names.total()) for name, count in names.most_common())
    return Verdict(state, shares, len(looks), looks[-1].host - looks[0].host if looks else 0.0)
