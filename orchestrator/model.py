# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of the project as frozen data. No behaviour beyond derived names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from orchestrator.paths import GUEST_TOOLS


class Status(StrEnum):
    """How a cell ended; who failed is in the name."""

    PASSED = "passed"
    BUILD_FAILED = "build_failed"
    KERNEL_BROKE = "kernel_broke"
    WORKLOAD_FAILED = "workload_failed"
    TIMED_OUT = "timed_out"
    INFRA_FAILED = "infra_failed"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What a comparison, an expectation or a claim says."""

    BETTER = "better"  # of comparisons
    WORSE = "worse"
    SAME = "same"
    UNCLEAR = "unclear"
    NOT_REACHED = "not_reached"  # of comparisons: nothing that changed ran in the workload
    AS_EXPECTED = "as_expected"  # of expectations and claims
    NOT_AS_EXPECTED = "not_as_expected"
    MISSING = "missing"  # of claims: a cell has no result, or nothing bears on it
    OUT_OF_REACH = "out_of_reach"


class Reason(StrEnum):
    """Why a comparison's verdict is what it is; ComparisonRow.why says it in words, with its figures."""

    BEYOND_NOISE = "beyond_noise"  # better or worse
    IDENTICAL = "identical"  # the two kernels are the same: nothing was measured of the new one
    NO_DIFFERENCE = "no_difference"  # none was shown: same, or unclear where the run could not have seen a small one
    WITHIN_FLOOR = "within_floor"  # significant, but no larger than what noise alone makes
    MOVED = "moved"  # of a metric that only tells: neither way is better
    TOO_FEW_BOOTS = "too_few_boots"
    STATISTIC_FAILED = "statistic_failed"
    NOT_COMPARABLE = "not_comparable"  # the cells differ in more than the kernel
    NOT_REACHED = "not_reached"  # of a change in code that did not run
    UNKNOWN = "unknown"  # of an old report, in words that are not known


class Reach(StrEnum):
    """What became of a changed line, the best last."""

    NOT_CODE = "not_code"  # blank, comment, declaration, documentation, Kconfig; or nothing was made of it
    NOT_BUILT = "not_built"
    NOT_RUN = "not_run"
    BOOT_ONLY = "boot_only"  # not in a counted pass, but before: boot and warm-up
    RAN = "ran"  # in a counted pass


class Side(StrEnum):
    """Which kernel a changed line is of: the new one has added lines, the base those that were removed."""

    ADDED = "added"
    REMOVED = "removed"


class StaticKind(StrEnum):
    """What two kernels differ by before anything runs."""

    SIZE = "size"  # of a function
    STACK = "stack"  # a function's frame
    SECTION = "section"
    LAYOUT = "layout"  # of a struct or union; of one that stays as large, where a member is
    WARNING = "warning"  # of the compiler, that it did not give before


class Bound(StrEnum):
    """What an expectation's figure is."""

    PER_UNIT = "per unit"  # of work, as the two that follow
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    CHANGE = "change"  # relative, from base to new


class Clock(StrEnum):
    """What the guest's time is: instructions as nanoseconds, or the host's time."""

    ICOUNT = "icount"
    WALL = "wall"


class Direction(StrEnum):
    """Which way of a metric is better; NEITHER for those that only tell."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


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
    unreturned: tuple[str, ...] = ()  # globs over what drops the address that called it, and over its callers


# Classes of instructions that hardware pays more for, in the order of the tables; then how much code runs at all.
COST_CLASSES = (
    "atomics", "interlocked", "barriers", "serialising", "tlb_flushes", "mode_switches", "exceptions", "system_calls",
)  # fmt: skip
CODE_LINES = "code_lines"
# What is loaded and stored, in accesses and bytes; lines of memory that are touched, in a unit of work and the first
# time in a pass; and how many of those are not among the last so many.
MEMORY = ("loads", "stores", "bytes", "data_lines", "new_lines", "lru_512", "lru_16384")
COSTS = (*COST_CLASSES, CODE_LINES, *MEMORY)
MEDIAN = "data_lines_median"  # of the lines that turns of a workload's loop touch
REPEATED = "repeated"  # no class: instructions that the emulator counts once for each of their iterations
UNDECODED = "undecoded"  # no class: instructions that the disassembler does not know


@dataclass(frozen=True)
class Costs:
    """How an arch's costly instructions are told from what capstone prints of their bytes: "mnemonic operands"."""

    decoder: str  # capstone's CS_ARCH_...
    modes: tuple[str, ...]  # and CS_MODE_...
    classes: Mapping[str, str]  # {class: regular expression that all of it fits}; the first that does
    unknown: Mapping[str, str] = field(default_factory=dict)  # {bytes in hex: what it is} of what capstone lacks
    exceptions: tuple[str, ...] = ()  # globs over kernel symbols at which exceptions arrive
    shared: str = ""  # that of these which system calls arrive at, too


@dataclass(frozen=True)
class Memory:
    """What an account of memory must know of an arch. hidden: options of the plugin, see
    images/plugin/kmatrix-hidden.h; silent: what capstone prints of instructions of whose accesses QEMU says nothing,
    a regular expression whose first group is their name."""

    low: int = 0  # below this address is memory, even if QEMU watches it like a device
    hidden: tuple[str, ...] = ()  # QEMU 9 and later
    silent: str = ""


@dataclass(frozen=True)
class Registers:
    """How QEMU's `info registers` says what a CPU is at; regular expressions."""

    pc: str  # its group is the program counter, in hex; found once a CPU
    idle: tuple[
        str, ...
    ]  # globs over kernel symbols in which a CPU waits for an interrupt, beside those of all arches
    user: str = ""  # found where user space runs; "": its addresses are none of the kernel's


@dataclass(frozen=True)
class Arch:
    """All that differs between architectures; one record a file in arches/."""

    name: str  # in cell ids: s390x
    uname: str  # what uname -m says on such a host, for KVM
    qemu: str  # the emulator: qemu-system-s390x; of a matrix that has its own: where it is
    machine: str  # -M
    cpu: Mapping[str, str]  # -cpu by accelerator; of a matrix: as its file has it
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
    kconfig: tuple[str, ...]  # lines that the testbed needs here, beside images/kconfig/boot.config
    cmdline: str = ""  # kernel parameters only this one needs
    cmdline_icount: str = ""  # and those it needs under the instruction clock alone
    firmware: tuple[str, ...] = ()  # folders of an emulator that is not installed
    smp: str = "{cpus}"  # -smp, with the number of CPUs put in
    numa: tuple[str, ...] = ()  # options of two nodes, each with {half} MiB; all CPUs, to {last}, on the first
    numa_cmdline: str = ""  # kernel parameters of two nodes
    devices: tuple[str, ...] = ()  # further -device options (panic notifier)
    snapshots: bool = True  # False: QEMU cannot go on from a saved state of it, so the counted passes follow the boot
    guest_suite: str = ""  # Debian's release that its packages are from; "": that of images/guest.toml
    image_base: str = ""  # option of the kernel's config: where what is linked at 0 runs; "": as linked
    compiles: int = 1000  # files of a standard kernel, about: the arch with the fewest is built first
    marks: Marks | None = None  # None: its instructions cannot be accounted for
    registers: Registers | None = None  # None: where a guest is that does not go on cannot be told
    costs: Costs | None = None  # None: what hardware pays for is not told
    memory: Memory | None = None  # None: nor what is loaded and stored


@dataclass(frozen=True)
class Failure:
    """Why something did not end well: kind, message, hint, excerpt of a log."""

    kind: str
    message: str
    hint: str = ""
    log: str = ""


@dataclass(frozen=True)
class Source:
    """Where a kernel comes from. What the fields are is said in build/sources/KIND.py."""

    name: str
    kind: str
    location: str  # a path or a name
    revision: str = ""  # which of those that may be there; "" any, or the newest
    options: Mapping[str, str] = field(default_factory=dict)  # what else its kind needs


@dataclass(frozen=True)
class Config:
    """A named config: what a kernel's .config is before anybody adds lines. See config/fragments.py."""

    name: str  # standard
    lines: Mapping[str, tuple[str, ...]]  # by arch name: flat lines, in order


@dataclass(frozen=True)
class Kernel:
    """One variant to build: a source, and patches in order."""

    name: str
    source: Source
    patches: tuple[Path, ...] = ()
    kconfig: tuple[str, ...] = ()  # lines beside the common ones
    config: Config | None = None  # None: the matrix's


IDENTICAL = "identical"  # of a cell: its kernel is the same as the one that it is compared with
ABSENT = "absent"  # of a cell: its kernel or machine does not have what is measured
LEAN = "lean"  # the name of what all kernels were before there were configs
WATCHED = (
    "watched."  # before a metric of a kernel that watches itself: what it counts, or `reports`, how often it speaks
)
REPORTS = "reports"
CALLS = "calls."  # before a function's name: the metric that a profile tells


@dataclass(frozen=True)
class Expectation:
    """A claim that a workload's file makes; values are per unit of work."""

    metric: str  # or calls.FUNCTION
    linux: str  # versions of the base it holds for: ">=6.0,<6.4"
    values: Mapping[str, float]  # by kernel name, absolute per unit
    change: Mapping[str, float]  # by arch name, relative: -0.15
    tolerance: float
    base: str = ""
    new: str = ""
    claim: str = ""
    accel: str = ""  # "" any
    clock: str = ""  # "" any
    at_least: Mapping[str, float] = field(default_factory=dict)  # by kernel name, absolute per unit
    at_most: Mapping[str, float] = field(default_factory=dict)
    arches: tuple[str, ...] = ()  # () any
    config: str = ""  # of the kernels it holds for, by name; "" any


@dataclass(frozen=True)
class Claim:
    """What somebody said that this matrix answers. Evidence: expectations that name it, or those of others."""

    id: str
    text: str
    same_as: tuple[str, ...] = ()  # claims whose evidence is this one's, too
    arches: tuple[str, ...] = ()  # only evidence of these; empty: of all
    beyond: str = ""  # what of it cannot be reached here, and why


class ProgramKind(StrEnum):
    """What a file is, and so how it is measured."""

    MARKERS = "C with kmatrix.h"  # measures itself
    WILL_IT_SCALE = "will-it-scale test case"  # an adapter counts its iterations
    SOURCE = "C program"  # measured from its start to its end, as the following
    BINARY = "static ELF program"
    SCRIPT = "script"


WHOLE = frozenset({ProgramKind.SOURCE, ProgramKind.BINARY, ProgramKind.SCRIPT})  # measured from start to end


@dataclass(frozen=True)
class UserProgram:
    """files: all that it is made of, itself first; compiled: C files among them; headers: folders with headers."""

    kind: ProgramKind
    files: tuple[Path, ...]
    compiled: tuple[Path, ...] = ()
    headers: tuple[Path, ...] = ()
    interpreter: tuple[str, ...] = ()  # what runs it in the guest
    skip: int | None = None  # the exit status by which it says that it did not run
    arches: tuple[str, ...] = ()  # it is made for these; () any
    declared: Path | None = None  # the file that declares the rest

    @property
    def inputs(self) -> tuple[Path, ...]:
        """All files that a result depends on."""
        return (*self.files, *((self.declared,) if self.declared else ()))


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
    passes: int | None = None  # the same
    nodes: int = 1  # of memory; two where the arch can have them
    area: str = (
        ""  # of a library: linked into one program with its other workloads, and measured in a guest of theirs
    )
    watched_args: tuple[str, ...] = ()  # instead of args, in kernels that watch themselves: they are slow
    debug: bool = False  # only kernels that watch themselves have what it is about: it is in no cell
    waits: bool = False  # by a wall clock, but for a disk and not for a CPU: others that wait may run beside it
    claims: tuple[str, ...] = ()
    note: str = ""  # what a report must say of it
    own: UserProgram | None = (
        None  # a file, and how it is measured; None: the folder's C files are a program with markers
    )
    toolbox: Path = GUEST_TOOLS  # has common/ and adapters/

    @property
    def called(self) -> tuple[str, ...]:
        """Functions of which it is expected how often they are called."""
        names = (one.metric for one in self.expectations if one.metric.startswith(CALLS))
        return tuple(dict.fromkeys(name.removeprefix(CALLS) for name in names))


@dataclass(frozen=True)
class Limits:
    """Deadlines in seconds of host time, and room."""

    build: float = 3600
    ready: float = 120
    work: float = 600  # one boot's workload, all passes
    stop: float = 10
    disk_gib: float = 8  # that the build tree of a patch nobody vouches for may take


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
        passes = self.passes if workload.passes is None else workload.passes
        cpus = max(self.cpus, workload.cpus)
        return replace(self, clock=clock, cpus=cpus, boots=boots, warmup=warmup, passes=passes)

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
class Nightly:
    """sources: names of the matrix's; budget: seconds of a night; then what is kept of runs."""

    sources: tuple[str, ...] = ()
    budget: float = 7200.0
    runs: int = 30
    days: float = 60.0


@dataclass(frozen=True)
class Matrix:
    """A validated matrix.yaml, names resolved."""

    arches: tuple[Arch, ...]
    kernels: tuple[Kernel, ...]
    workloads: tuple[Workload, ...]
    comparisons: tuple[Comparison, ...]
    measure: Measure
    limits: Limits
    config: Config  # what every kernel begins with that has none of its own
    kconfig: tuple[str, ...] = ()  # further lines for every kernel, file order
    cache_gib: float = 20.0  # of all that is kept between runs, but what ccache keeps
    ccache_gib: int = 5
    qemu: str = ""  # a folder with the emulators of all arches; "": those that are installed
    claims: tuple[Claim, ...] = ()
    sources: tuple[Source, ...] = ()  # also those of no kernel: what check --base may name
    nightly: Nightly = field(default_factory=Nightly)
    debug: tuple[Config, ...] = ()  # further lines, under which each kernel is built once more and watches itself
    variants: tuple[Variant, ...] = ()  # in which what a change touches is compiled
    selftests: Selftests | None = None  # that each kernel runs of its own source


@dataclass(frozen=True)
class Build:
    """A kernel to be built for an arch."""

    arch: Arch
    kernel: Kernel
    kconfig: tuple[str, ...]  # flat lines of its config, then all others: config/fragments.py

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
class Watching:
    """A kernel that is built once more so that it watches itself, and what runs in it. Nothing of it is measured."""

    build: Build  # its kernel's name is that of the one that it is of, and that of the lines: patched~locks
    of: Kernel
    lines: str  # their name: locks
    workloads: tuple[Workload, ...]

    @property
    def id(self) -> str:
        """s390x/patched~locks"""
        return self.build.id


@dataclass(frozen=True)
class Variant:
    """Another config or architecture that objects are compiled in. arch: only what compiling needs of it is its own.

    lines: flat ones, as of a Config; make: words for make; program: what must be there for it, "" nothing more.
    """

    name: str  # no SWAP
    arch: Arch
    lines: tuple[str, ...]
    make: tuple[str, ...] = ()
    program: str = ""


class Outcome(StrEnum):
    """Of a test of the kernel's own, or of one of those that it is made of."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Selftest:
    """How one of the kernel's own tests is started. hugetlb_mib: of huge pages that are there; seconds: by the wall's
    clock, then it is ended; left_out: why it is not started, "" if it is; needs: a file of the guest's, "" none."""

    program: str
    args: tuple[str, ...] = ()
    hugetlb_mib: int = 0
    seconds: float = 120
    left_out: str = ""
    needs: str = ""

    @property
    def name(self) -> str:
        """mremap_test, or with its arguments: gup_test -u"""
        return " ".join((self.program, *self.args))


@dataclass(frozen=True)
class Selftests:
    """All that is known of them. folders: of tools/testing/selftests, the first that a tree has; libraries: Debian
    packages to link with; memory_mib: of a guest for them; own: folders of the user's, with a folder of programs for
    each arch."""

    folders: tuple[str, ...]
    libraries: tuple[str, ...]
    memory_mib: int
    tests: tuple[Selftest, ...]
    wanted: tuple[str, ...] = ("*",)  # globs of those that are run
    own: tuple[Path, ...] = ()

    def of(self, program: str) -> tuple[Selftest, ...]:
        """How it is started: once without arguments, if it is not known; so are the user's own, whose names are
        FOLDER/PROGRAM. () if it is not wanted."""
        if "/" in program:
            return (Selftest(program),)
        if not any(fnmatchcase(program, glob) for glob in self.wanted):
            return ()
        return tuple(test for test in self.tests if test.program == program) or (Selftest(program),)


@dataclass(frozen=True)
class Testing:
    """A kernel that runs the tests of its own source, so many times."""

    build: Build
    times: int
    selftests: Selftests


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
    watching: tuple[Watching, ...] = ()  # of the same kernels and workloads
    variants: tuple[Variant, ...] = ()  # in which what is compared is compiled
    testing: tuple[Testing, ...] = ()  # of the same kernels
    before: tuple[Cell, ...] = ()  # of an earlier start of the run: there is nothing to do for them


class StepKind(StrEnum):
    """What a step does: its subject is named by the id of a source, build, arch, arch/workload, boot or cell, or as
    s390x/unpatched..patched; a kernel that watches itself by the id of its build."""

    SOURCE = "source"
    KERNEL = "kernel"
    IMAGE = "image"
    TOOL = "tool"
    COMPARE = "compare"
    STATIC = "static"
    BOOT = "boot"
    PROFILE = "profile"
    CELL = "cell"
    DEBUG = "debug"
    VARIANT = "variant"
    STYLE = "style"
    SELFTEST = "selftest"


@dataclass(frozen=True)
class Step:
    """One unit of work of a run. A plain value: it can be sent to another machine.

    inputs: steps whose results it needs; if one failed, it is not done. after: steps that must have ended, well or
    not. unless: steps that are not waited for; as soon as one has failed, it is not done. locks: what it alone has
    meanwhile. lane: which steps it shares a number of places with. priority: the lowest is first.
    """

    kind: StepKind
    subject: str
    inputs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    lane: str = ""  # "": of these as many as come
    priority: int = 0
    niceness: int = 0
    retries: int = 0  # after a failure of the testbed, never after any other
    key: str = ""  # its result's content, where it is known before

    @property
    def id(self) -> str:
        """boot s390x/patched/shmem-write#0"""
        return f"{self.kind} {self.subject}"


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
class KernelProvenance:
    """What a kernel is made of. A field is empty where it is not known: before it is built, or of a ready image."""

    source: str  # exactly which: debian:linux-source-6.1=6.1.192-1
    patches: tuple[str, ...] = ()  # their sha256, in order
    kconfig: str = ""  # digest of the wanted lines, in order
    compiler: str = ""
    linux: str = ""
    config: str = ""  # sha256 of the whole .config
    image: str = ""  # sha256
    key: str = ""  # its name in the store


@dataclass(frozen=True)
class WorkloadProvenance:
    """What the workload is made of, and how it is started."""

    files: str  # digest of the names and contents of all that is compiled or copied
    metrics: tuple[str, ...]
    args: tuple[str, ...]
    program: str = ""  # sha256 of what is pushed; empty before it is compiled


@dataclass(frozen=True)
class MachineProvenance:
    """What is emulated, and by what. Empty where it is not known before a guest is to be started."""

    clock: str
    memory_mib: int
    cpus: int
    disk: str = ""  # its size and limits
    accel: str = ""
    cpu: str = ""
    qemu: str = ""  # its version
    command: str = ""  # digest of its options, without places on this machine


@dataclass(frozen=True)
class Provenance:
    """All that a cell's figures rest on. Equal provenance, equal figures, where they are exact."""

    kernel: KernelProvenance
    workload: WorkloadProvenance
    machine: MachineProvenance
    guest_image: str = ""  # its name in the store, by content
    warmup: int = 0
    passes: int = 0
    format: int = 0  # of how kmatrix measures: measure.provenance.FORMAT
    host: str = ""  # the machine that it was measured on; empty where figures are exact


@dataclass(frozen=True)
class PassSample:
    """One pass: units of work done, metric values, differences of /proc/vmstat and of the workload's memory.stat."""

    units: int
    values: Mapping[str, float]
    vmstat: Mapping[str, int]
    memory_stat: Mapping[str, int] = field(default_factory=dict)  # {}: it has no cgroup of its own


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
    stored: bool = False  # measured by an earlier run, and taken from the store
    provenance: str = ""  # digest of the cell's; empty in results of before it was kept
    said: tuple[str, ...] = ()  # by the workload: what of its kernel a reader of the figures must know
    costs: Mapping[str, float] = field(default_factory=dict)  # {one of COSTS: in a counted pass}; {}: nobody looked
    unseen: tuple[str, ...] = ()  # what a reader must know of MEMORY among them
    classes: str = ""  # digest of what says which instruction is of which class
    # {function of which calls are expected: its calls in a counted pass, None: this kernel has none of that name}
    calls: Mapping[str, float | None] = field(default_factory=dict)


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
    provenance: Provenance | None = None  # None: nothing was measured, or before it was kept
    reason: str = ""  # why it was left out on purpose: IDENTICAL or ABSENT

    @property
    def stored(self) -> bool:
        """Nothing of it was measured by this run."""
        return bool(self.boots) and all(boot.stored for boot in self.boots)
