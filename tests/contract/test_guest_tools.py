# SPDX-License-Identifier: GPL-2.0-or-later
"""What the workloads promise that needs no guest to be seen: they are run here, without the harness."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from orchestrator import library
from orchestrator.build.guest_tools import ALL
from orchestrator.config import workloads
from orchestrator.paths import GUEST_TOOLS
from orchestrator.profile.cover import Share, share
from orchestrator.runs import cover_file

MS = 1_000_000

# In place of common/: one pass, not measured. Each FUTEX_WAKE_OP is told: what is waited for, and the operation.
HARNESS = """
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "kmatrix.h"

#undef syscall
long syscall(long number, ...);
static int passes = 1;

void km_start(int argc, char **argv) { (void)argc; (void)argv; }
bool km_pass(void) { return passes-- > 0; }
void km_begin(void) { }
void km_end(unsigned long units) { fprintf(stderr, "%lu units\\n", units); }
int km_finish(void) { return 0; }
void km_fail(const char *what, ...) { fprintf(stderr, "%s\\n", what); exit(1); }
void *km_shmem(size_t size) { return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); }

long told(long number, void *word, int operation, unsigned value, long value2, void *word2, unsigned value3)
{
	if ((operation & FUTEX_CMD_MASK) == FUTEX_WAKE_OP)
		printf("%d %p\\n", operation & FUTEX_PRIVATE_FLAG, word);
	return syscall(number, word, operation, value, value2, word2, value3);
}
"""


def test_each_wake_op_of_futex_fault_waits_for_a_word_of_its_own(tmp_path: Path) -> None:
    """One word for all would take the same branches in all calls of a boot, and others in the next."""
    gcc, program, harness = shutil.which("gcc"), tmp_path / "futex-fault", tmp_path / "harness.c"
    assert gcc, "the tests need gcc of the host"
    harness.write_text(HARNESS)
    command = [gcc, "-O2", "-D_GNU_SOURCE", "-Dsyscall=told", ALL, "-I", GUEST_TOOLS / "common", "-o", program]
    subprocess.run([*command, GUEST_TOOLS / "futex-fault/main.c", harness], check=True)
    done = subprocess.run([program], check=True, capture_output=True, text=True)
    used = Counter(done.stdout.splitlines())
    assert done.stderr == f"{2 * len(used)} units\n"  # the other half takes locks
    assert set(used.values()) == {1}


# A clock of our own, in place of the host's: what it costs to look at it is 100 ns, a tick comes every 4 ms. And
# context switches of our own: two whenever somebody looks, eight more for each job of the kernel, if it has any.
CLOCK = """
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kmatrix.h"

#define MS 1000000LL
static long long time_ns, settled, first_job, period;
static const char *takes;

int told_gettime(clockid_t clock, struct timespec *t)
{
	time_ns += 100;
	t->tv_sec = time_ns / (1000 * MS);
	t->tv_nsec = time_ns % (1000 * MS);
	if (clock == CLOCK_MONOTONIC_COARSE)
		t->tv_nsec -= t->tv_nsec % (4 * MS);
	return 0;
}

int told_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
	long long then = until->tv_sec * 1000 * MS + until->tv_nsec;

	(void)clock; (void)flags; (void)left;
	if (then > time_ns)
		time_ns = then + MS;	/* woken by the next tick */
	return 0;
}

ssize_t told_pread(int fd, void *text, size_t size, off_t at)
{
	static long long looks;
	char link[32], file[32] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, file, sizeof(file) - 1) < 0 || strcmp(file, "/proc/stat"))
		return lseek(fd, at, SEEK_SET) < 0 ? -1 : read(fd, text, size);
	return snprintf(text, size, "cpu 0\\nctxt %lld\\n",
			2 * ++looks + (period ? 8 * ((time_ns - first_job) / period) : 0));
}

int told_lock(int flags) { (void)flags; return 0; }
void km_settle_allocator(void) { settled = time_ns; time_ns += atoll(takes) * MS; }
void km_release_pages(void) { }

int main(int argc, char **argv)
{
	takes = argv[1];
	time_ns = atoll(argv[2]) * MS;
	first_job = atoll(argv[3]) * MS;
	period = atoll(argv[4]) * MS;
	km_start(argc, argv);
	while (km_pass()) {
		long long before = time_ns;

		km_begin();
		fprintf(stderr, "%lld %lld %lld\\n", before, settled, time_ns);
		km_end(1);
	}
	return km_finish();
}
"""


def regions(folder: Path, *words: int) -> list[tuple[int, int, int]]:
    """(before, settled, started) of each pass, in ns. words, in ms: how long settling takes, when the guest is ready,
    when the kernel's first job comes, and how long after it the next (0: there are none)."""
    gcc, program, clock = shutil.which("gcc"), folder / "phase", folder / "clock.c"
    assert gcc, "the tests need gcc of the host"
    clock.write_text(CLOCK)
    names = {"clock_gettime": "gettime", "clock_nanosleep": "nanosleep", "mlockall": "lock", "pread": "pread"}
    renamed = [f"-D{name}=told_{new}" for name, new in names.items()]
    command = [gcc, "-O2", "-D_GNU_SOURCE", *renamed, "-I", GUEST_TOOLS / "common", "-o", program]
    subprocess.run([*command, GUEST_TOOLS / "common/kmatrix.c", clock], check=True)
    run = [program, *map(str, words), "--passes", "4"]
    told = subprocess.run(run, check=True, capture_output=True, text=True).stderr.splitlines()
    found = [(before, settled, started) for before, settled, started in (map(int, line.split()) for line in told)]
    assert len(found) == 4
    for before, settled, started in found:
        assert settled - before >= 10_000 * MS  # long asleep before
        if words[0] < 490:
            assert 495 * MS <= started - settled <= 505 * MS
    return found


BOOTS = [(3, 1234), (3, 40_000), (200, 77_777), (600, 5_000), (2500, 5_000)]


@pytest.mark.parametrize(("takes_ms", "booted_ms"), BOOTS)
def test_regions_start_at_the_same_phase_whenever_a_boot_got_ready(
    tmp_path: Path, takes_ms: int, booted_ms: int
) -> None:
    """Where nothing is seen of the kernel's jobs: half a second after settling, at a phase of the clock."""
    for _, _, started in regions(tmp_path, takes_ms, booted_ms, 0, 0):
        assert 0 <= (started - 400 * MS) % (2016 * MS) < 5 * MS  # and the next tick


@pytest.mark.parametrize(("first_ms", "period_ms"), [(0, 2016), (777, 2016), (1900, 2016), (100, 2000), (1333, 2040)])
@pytest.mark.parametrize(("takes_ms", "booted_ms"), BOOTS[:3])
def test_regions_start_behind_the_kernels_jobs(
    tmp_path: Path, takes_ms: int, booted_ms: int, first_ms: int, period_ms: int
) -> None:
    """0.4 s, whenever they come. Both that and how often are known to a step of 32 ms and a tick."""
    for _, _, started in regions(tmp_path, takes_ms, booted_ms, first_ms, period_ms):
        behind = (started - first_ms * MS) % (period_ms * MS)
        assert abs(behind - 400 * MS) <= 2 * (32 + 4) * MS


LIBRARY = workloads.library(GUEST_TOOLS)


def test_the_library_is_listed_by_area() -> None:
    """As `--suite` takes the areas, and the workloads by their names."""
    rows = [row.split("|") for row in (GUEST_TOOLS / "README.md").read_text().splitlines() if row.count("|") == 4]
    listed = {row[1].strip(): set(row[3].replace(" ", "").split(",")) for row in rows}
    for area in {folder.parent.name for folder in LIBRARY.values()}:
        assert listed[area] == {name for name, folder in LIBRARY.items() if folder.parent.name == area}


def _with_headers(path: Path) -> str:
    """Workloads that differ in parameters alone share a body, in a header of their area."""
    text = path.read_text()
    its = (path.parent / name for name in re.findall(r'#include "(\S+\.h)"', text))
    return text + "".join(_with_headers(header) for header in its if header.exists())


@pytest.mark.parametrize("name", LIBRARY)
def test_a_workload_of_the_library_is_as_its_readme_says(name: str) -> None:
    workload, text = workloads.load(LIBRARY[name]), _with_headers(LIBRARY[name] / "main.c")
    assert workload.area == LIBRARY[name].parent.name and workload.title and workload.unit
    assert {"time", "loop"} & set(workload.metrics) and workload.memory_mib <= 1024
    assert (workload.cpus, workload.boots, workload.passes) in ((1, None, 1), (2, 4, 3)), "one pass, or what varies"
    assert all(word in text for word in ("km_pass()", "km_begin()", "km_end(", "km_finish()")), "see common/kmatrix.h"


def test_what_the_library_runs_is_shipped_for_what_it_is_now() -> None:
    """Otherwise: `kmatrix covers --ship`."""
    for arch in ("x86_64", "aarch64", "s390x"):
        of, its = cover_file.load(cover_file.shipped(arch))
        assert of.arch == arch and of.library == library.digest_of_it()
        one_cpu = library.all_of_it()
        assert set(its.workloads) <= set(one_cpu) and len(its.workloads) > len(one_cpu) * 0.8
        total = sum((share(its, file) for file in its.functions if file.startswith("mm/")), Share())
        assert total.functions_run > 0.45 * total.functions and total.lines_run > 0.35 * total.lines
