# SPDX-License-Identifier: GPL-2.0-or-later
"""What the workloads promise that needs no guest to be seen: they are run here, without the harness."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

from orchestrator.paths import GUEST_TOOLS

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
    command = [gcc, "-O2", "-D_GNU_SOURCE", "-Dsyscall=told", "-I", GUEST_TOOLS / "common", "-o", program]
    subprocess.run([*command, GUEST_TOOLS / "futex-fault/main.c", harness], check=True)
    done = subprocess.run([program], check=True, capture_output=True, text=True)
    used = Counter(done.stdout.splitlines())
    assert done.stderr == f"{2 * len(used)} units\n"  # the other half takes locks
    assert set(used.values()) == {1}
