# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of the project as frozen data. No behaviour beyond derived names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.evidence import Claim as Claim
from orchestrator.evidence import Expectation as Expectation
from orchestrator.nights import Nightly as Nightly
from orchestrator.origin import Source as Source
from orchestrator.own import Own as Own
from orchestrator.paths import GUEST_TOOLS
from orchestrator.words import Clock as Clock
from orchestrator.words import Direction as Direction
from orchestrator.words import Status as Status
from orchestrator.words import Verdict as Verdict


@dataclass(frozen=True)
class Marks:
    """How an account of instructions tells where things begin and end on an arch."""

    returns: tuple[str, ...]  # how a function's return starts, in hex
    exception_returns: tuple[str, ...]  # the same, back from the kernel's exceptions and system calls
    interrupts: tuple[str, ...]  # globs over kernel symbols where an interrupt begins
    stubs: tuple[str, ...] = ()  # symbols that do nothing but lead there
    outside: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # code that System.map lacks: first, end
    calls: tuple[str, ...] = ()  # how a call starts, BYTES/MASK in hex; (): call paths cannot be told
    enters: tuple[str, ...] = ()  # globs over kernel symbols that exceptions and system calls arrive at


@dataclass(frozen=True)
class Arch:
    """All that differs between architectures; one record a file in arches/."""

    name: str  # in cell ids: s390x
    uname: str  # what uname -m says on such a host, for KVM
    qemu: str  # the emulator: qemu-system-s390x
    machine: str  # -M
    cpu: Mapping[str, str]  # -cpu by accelerator
    console: str  # the console's tty in the guest
    net: str  # -device NAME[,options] of the network
    rng: str  # -device of the entropy source
    disk: str  # -device NAME of a disk
    kernel_arch: str  # ARCH= of the kernel's make
    srcarch: str  # the folder below arch/ in the kernel's source
    image_target: str  # the make target
    image: str  # the image's path in the build tree
    debian_arch: str  # of the guest's packages
    cross_prefix: str  # of the compiler: s390x-linux-gnu-
    elf: tuple[int, int, int]  # its programs: class (2: 64 bits), data (1: little endian), e_machine
    kconfig: tuple[str, ...]  # lines beside images/kconfig/common.config
    cmdline: str = ""  # kernel parameters only this one needs
    cmdline_icount: str = ""  # and those it needs under the instruction clock alone
    smp: str = "{cpus}"  # -smp, with the number of CPUs put in
    devices: tuple[str, ...] = ()  # further -device options (panic notifier)
    marks: Marks | None = None  # None: its instructions cannot be accounted for


@dataclass(frozen=True)
class Failure:
    """Why something did not end well: kind, message, hint, excerpt of a log."""

    kind: str
    message: str
    hint: str = ""
    log: str = ""


@dataclass(frozen=True)
class Kernel:
    """One variant to build: a source, and patches in order."""

    name: str
    source: Source
    patches: tuple[Path, ...] = ()
    kconfig: tuple[str, ...] = ()  # lines beside the common ones


@dataclass(frozen=True)
class Disk:
    """A disk with an empty ext4 on it; bytes a second that QEMU lets through, 0 for no limit."""

    mib: int
    read_bps: int = 0
    write_bps: int = 0


@dataclass(frozen=True)
class Workload:
    """A native static program and what it declares: a folder as in guest-tools/, or a file of the user's own."""

    name: str
    folder: Path
    title: str
    unit: str
    metrics: tuple[str, ...]
    args: tuple[str, ...]
    memory_mib: int
    expectations: tuple[Expectation, ...] = ()
    cpus: int = 1  # at least
    clock: str = ""  # the only one that makes sense for it; "" any
    disk: Disk | None = None
    boots: int | None = None  # where the matrix's number does not fit it
    warmup: int | None = None  # the same
    waits: bool = False  # by a wall clock, but for a disk and not for a CPU: others that wait may run beside it
    claims: tuple[str, ...] = ()
    note: str = ""  # what a report must say of it
    own: Own | None = None  # a file, and how it is measured; None: the folder's C files are a program with markers
    toolbox: Path = GUEST_TOOLS  # has common/ and adapters/


@dataclass(frozen=True)
class Limits:
    """Deadlines in seconds of host time."""

    build: float = 3600
    ready: float = 120
    work: float = 600  # one boot's workload, all passes
    stop: float = 10


@dataclass(frozen=True)
class Measure:
    """How each cell is measured."""

    boots: int = 2
    passes: int = 2
    warmup: int = 1
    clock: Clock = Clock.ICOUNT
    accel: str = "auto"
    memory_mib: int = 1024
    cpus: int = 1
    retries: int = 1  # of a boot after an infrastructure failure, never after any other
    snapshots: bool = True  # where all is exact, each pass starts from its boot's snapshot

    def of(self, workload: Workload) -> Measure:
        """As this workload needs it."""
        clock = Clock(workload.clock) if workload.clock else self.clock
        boots = self.boots if workload.boots is None else workload.boots
        warmup = self.warmup if workload.warmup is None else workload.warmup
        return replace(self, clock=clock, cpus=max(self.cpus, workload.cpus), boots=boots, warmup=warmup)

    def exact(self, workload: Workload) -> bool:
        """One CPU under the instruction clock, and no device that keeps its own time."""
        mine = self.of(workload)
        return mine.clock is Clock.ICOUNT and mine.cpus == 1 and workload.disk is None


@dataclass(frozen=True)
class Comparison:
    """Which two kernels are set side by side."""

    base: str
    new: str


@dataclass(frozen=True)
class Matrix:
    """A validated matrix.yaml, names resolved."""

    arches: tuple[Arch, ...]
    kernels: tuple[Kernel, ...]
    workloads: tuple[Workload, ...]
    comparisons: tuple[Comparison, ...]
    measure: Measure
    limits: Limits
    kconfig: tuple[str, ...]  # lines for every kernel, file order
    ccache_gib: int = 5
    claims: tuple[Claim, ...] = ()
    sources: tuple[Source, ...] = ()  # also those of no kernel: what check --base may name
    nightly: Nightly = field(default_factory=Nightly)


@dataclass(frozen=True)
class Build:
    """A kernel to be built for an arch."""

    arch: Arch
    kernel: Kernel
    kconfig: tuple[str, ...]

    @property
    def id(self) -> str:
        """s390x/patched"""
        return f"{self.arch.name}/{self.kernel.name}"


@dataclass(frozen=True)
class Cell:
    """arch x kernel x workload."""

    arch: Arch
    kernel: Kernel
    workload: Workload

    @property
    def id(self) -> str:
        """s390x/patched/shmem-write"""
        return f"{self.arch.name}/{self.kernel.name}/{self.workload.name}"

    @property
    def build_id(self) -> str:
        """The build that this cell boots."""
        return f"{self.arch.name}/{self.kernel.name}"


@dataclass(frozen=True)
class Boot:
    """One guest start of a cell; the unit of replication."""

    cell: Cell
    number: int

    @property
    def id(self) -> str:
        """s390x/patched/shmem-write#0"""
        return f"{self.cell.id}#{self.number}"


@dataclass(frozen=True)
class Plan:
    """What a run will do, in order."""

    builds: tuple[Build, ...]
    cells: tuple[Cell, ...]
    boots: tuple[Boot, ...]
    measure: Measure
    limits: Limits
    comparisons: tuple[Comparison, ...]
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True)
class KernelArtifact:
    """A built kernel in the store, and what it was built from."""

    build_id: str
    key: str
    folder: Path
    image: Path
    linux: str  # 6.1.192
    info: Mapping[str, object] = field(default_factory=dict)  # goes into matrix.json
    cached: bool = False


@dataclass(frozen=True)
class PassSample:
    """One pass: units of work done, metric values, vmstat differences."""

    units: int
    values: Mapping[str, float]
    vmstat: Mapping[str, int]


@dataclass(frozen=True)
class BootResult:
    """One boot's passes (the first ones are warm-up), and what really ran."""

    number: int
    accel: str
    qemu: str
    cpu: str
    command: tuple[str, ...]
    warmup: int
    passes: tuple[PassSample, ...]
    kernel_key: str
    workload_sha256: str
    seconds: Mapping[str, float]  # host time of each stage
    notes: tuple[str, ...] = ()  # retries, hard stops: nothing is dropped silently


@dataclass(frozen=True)
class CellResult:
    """How a cell ended, and its boots as far as they went."""

    id: str
    arch: str
    kernel: str
    workload: str
    status: Status
    failure: Failure | None
    clock: str
    unit: str
    linux: str = ""
    boots: tuple[BootResult, ...] = ()
    exact: bool = True  # its figures repeat: instruction clock, one CPU
