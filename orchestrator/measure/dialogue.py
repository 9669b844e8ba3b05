# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said to a workload in a guest, and what it says: how it is started, what it waits for at the gate, where
its words are when it has ended, and what they mean. Pure."""

from __future__ import annotations

import base64
import re
import shlex
import zlib
from dataclasses import dataclass

from orchestrator.build.guest_tools import PROGRAM, REMOTE, arguments
from orchestrator.errors import Absent, InfraError, KmatrixError, WorkloadFailed
from orchestrator.guest.console import ENDED, OUT_OF_MEMORY, tail
from orchestrator.guest.shell import Output
from orchestrator.model import Clock, Measure, ProgramKind, Workload

_GATE = "/dev/console"  # at which programs wait
_OUT, _ERR, _CODE = "/tmp/workload.out", "/tmp/workload.err", "/tmp/workload.code"
FETCH = f"cat {_ERR} >&2; cat {_OUT}; exit $(cat {_CODE})"  # by whoever logs in when it has ended
_SHORT = 1 << 20  # bytes that a guest writes to its console, packed; for more, somebody has to log in
_AWAKE = "/tmp/awake"  # the guest's images/initramfs/awake, for whom no idle time is skipped
# Seconds of the guest's, skipped: neighbours of the network are looked after for the last time up to 45 s after its
# start, and after the last packet, at random.
_QUIET = 60
_LACKS = 4  # exit status of a program that finds that the guest does not have what it is to measure: km_absent()
_PACKED = re.compile(r"^kmatrix: packed (\d{1,9}) (\d{1,9}) (\d{1,9})\n([A-Za-z\d+/=\n]*)\Z", re.M)  # Dialogue.launch
_RESULT = re.compile(r"^kmatrix: result (\d{1,9}) (\d{1,9}) (\d{1,9})\n", re.M)  # of guest-tools/adapters/library.c


@dataclass(frozen=True)
class Dialogue:
    """command: what is started, and goes to the gate; started: all of it that a guest at the gate depends on; answer:
    what it waits for there. warm: it has warmed up by then. by_console: what it prints is on the console alone."""

    command: str
    started: tuple[str, ...]
    answer: str
    warm: bool
    by_console: bool

    @property
    def launch(self) -> str:
        """The start in the guest: on its own, so that the connection can go away."""
        asleep = f"test ! -e {_AWAKE} || {{ kill $(cat {_AWAKE}); sleep {_QUIET}; }}"
        awake = f"test ! -e {_AWAKE} || setsid awake &"
        sizes = f"set -- $(stat -c %s {_OUT} {_ERR}); test $((${{1:-0}} + ${{2:-0}})) -gt {_SHORT}"
        packed = f"{{ echo kmatrix: packed $code $1 $2; cat {_OUT} {_ERR} | gzip | base64; }} >{_GATE}"
        told = f"code=$?; echo $code >{_CODE}; {awake} {sizes} || {packed}; echo '{ENDED}' >{_GATE}"
        script = f"{asleep}; {self.command} >{_OUT} 2>{_ERR}; {told}"
        return f"setsid sh -c {shlex.quote(script)} </dev/null >/dev/null 2>&1 &"


def of(workload: Workload, measure: Measure) -> Dialogue:
    """measure: as this workload needs it."""
    return _of_library(workload, measure) if workload.area else _alone(workload, measure)


def _alone(workload: Workload, measure: Measure) -> Dialogue:
    """A program of its own warms up, and waits for the number of passes."""
    warmup = str(measure.warmup)
    options = [*_clock(measure), "--warmup", warmup, "--gate", _GATE]
    return Dialogue(
        command=shlex.join([REMOTE, *arguments(workload, options, PROGRAM)]),
        started=(*arguments(workload, (), PROGRAM), warmup),
        answer=f"{measure.passes}\n",
        warm=True,
        by_console=False,
    )


def _of_library(workload: Workload, measure: Measure) -> Dialogue:
    """A library's program waits for the name of a workload, and all that it is to be told."""
    options = [*_clock(measure), "--warmup", str(measure.warmup), "--passes", str(measure.passes)]
    return Dialogue(
        command=f"{REMOTE} {_GATE}",
        started=("library",),
        answer=" ".join([workload.name, *workload.args, *options]) + "\n",
        warm=False,
        by_console=True,
    )


def _clock(measure: Measure) -> list[str]:
    return ["--phase", "0"] if measure.clock is Clock.WALL else []


def packed(console: str) -> Output | None:
    """What a program of its own wrote, where the guest put it on the console; None where somebody has to log in for
    it. Packed: its words are none of the kernel's."""
    before, ended, _ = console.rpartition(f"\n{ENDED}\n")
    found = next(reversed(list(_PACKED.finditer(before + "\n"))), None) if ended else None
    if found is None:
        return None
    code, size, errors = map(int, found.groups()[:3])
    try:
        text = zlib.decompressobj(31).decompress(base64.b64decode(found[4]), _SHORT + 1)
    except (ValueError, zlib.error):
        return None
    return _parted(code, text, size) if len(text) == size + errors else None


def written(console: str) -> Output:
    """What a library's program wrote to the console of its workload. InfraError where something came between."""
    found = next(reversed(list(_RESULT.finditer(console))), None)
    if found is None:
        raise InfraError("the console has no result of the workload", kind="console", log=tail(console))
    code, size, errors = map(int, found.groups())
    text = console[found.end() :].encode()
    if not text[size + errors :].startswith(f"\n{ENDED}".encode()):
        what = "the kernel wrote to the console in the middle of a result"
        raise InfraError(what, kind="console", log=tail(console))
    return _parted(code, text[: size + errors], size)


def _parted(code: int, text: bytes, size: int) -> Output:
    """size: of what went to standard output; the rest went to standard error."""
    return Output(code, text[:size].decode(errors="replace"), text[size:].decode(errors="replace"))


def failure(workload: Workload, output: Output, console: str) -> KmatrixError:
    """Why a workload did not end well; Absent if it said that there is nothing to be measured."""
    last = output.stderr.strip().splitlines()[-1:] or ["it said nothing"]
    ours = workload.own is None or workload.own.kind is ProgramKind.MARKERS
    if output.code == _LACKS and ours:
        return Absent(last[0])
    killed = OUT_OF_MEMORY.search(console)
    if killed:
        rows = [row for row in console.splitlines() if re.search("out of memory|oom|Killed process", row, re.I)]
        return WorkloadFailed(
            f"the guest ran out of memory and killed {killed['name']}",
            kind="guest_oom",
            hint="raise measure.memory_mib in matrix.yaml or memory_mib in the workload's file",
            log="\n".join(rows[-10:]),
        )
    how = f"with exit status {output.code}" if output.code < 128 else f"by signal {output.code - 128}"
    return WorkloadFailed(
        f"{workload.name} ended {how}: {last[0]}",
        kind="workload",
        hint="the workload's own words are in the log",
        log=output.stderr[-2000:],
    )
