# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels that watch themselves say, told apart. The texts are of Linux 6.1 in guests, shortened."""

from __future__ import annotations

import pytest

from orchestrator.guest.console import find_broken
from orchestrator.guest.reports import MARK, Frame, reports, spends

UNLOCK = """\
[    9.100000] kmatrix: runs mincore
[    9.128443] 
[    9.128510] =====================================
[    9.128600] WARNING: bad unlock balance detected!
[    9.128700] 6.1.192 #1 Not tainted
[    9.128800] -------------------------------------
[    9.128900] mincore/91 is trying to release lock (&mm->mmap_lock) at:
[    9.129000] [<00000000002c7d5e>] __s390x_sys_mincore+0x1ae/0x2d0
[    9.129100] but there are no more locks to release!
[    9.129200] 
[    9.129300] other info that might help us debug this:
[    9.129400] 1 lock held by mincore/91:
[    9.129500]  #0: 00000000041a0a28 (&mm->mmap_lock){++++}-{3:3}, at: do_exception+0x12c/0x5a8
[    9.129600] 
[    9.129700] stack backtrace:
[    9.129800] CPU: 0 PID: 91 Comm: mincore Not tainted 6.1.192 #1
[    9.129900] Call Trace:
[    9.130000]  [<0000000000a6b2c0>] dump_stack_lvl+0x80/0xb0 
[    9.130100]  [<00000000001ad3e8>] print_unlock_imbalance_bug.part.0+0xe8/0x108 
[    9.130200]  [<00000000001b1c54>] lock_release+0x27c/0x350 
[    9.130300]  [<000000000019d0a6>] up_read+0x36/0x188 
[    9.130400]  [<00000000002c7d5e>] __s390x_sys_mincore+0x1ae/0x2d0 
"""  # noqa: W291
HELD = """\
================================================
WARNING: lock held when returning to user space!
6.1.192 #1 Not tainted
------------------------------------------------
mincore/77 is leaving the kernel with locks still held!
1 lock held by mincore/77:
 #0: ffff00000412a5e8 (&mm->mmap_lock){++++}-{3:3}, at: __arm64_sys_mincore+0x11c/0x2b4
"""
KASAN = """\
[   12.3][   T80] ==================================================================
[   12.3][   T80] BUG: KASAN: use-after-free in mremap_to+0x3a1/0x5d0
[   12.3][   T80] Read of size 8 at addr ffff8880061c3a10 by task library/80
[   12.3][   T80] 
[   12.3][   T80] CPU: 0 PID: 80 Comm: library Not tainted 6.1.192 #2
[   12.3][   T80] Call Trace:
[   12.3][   T80]  <TASK>
[   12.3][   T80]  dump_stack_lvl+0x38/0x4d
[   12.3][   T80]  print_report+0x170/0x47d
[   12.3][   T80]  kasan_report+0xad/0x130
[   12.3][   T80]  ? mremap_to+0x3a1/0x5d0
[   12.3][   T80]  mremap_to+0x3a1/0x5d0
[   12.3][   T80]  __do_sys_mremap+0x4a2/0xb80
[   12.3][   T80]  do_syscall_64+0x3a/0x80
[   12.3][   T80] Allocated by task 80:
[   12.3][   T80]  kmalloc_trace+0x26/0x90
[   12.3][   T80]  elsewhere+0x26/0x90
"""  # noqa: W291
TWICE = """\
[    5.0] ------------[ cut here ]------------
[    5.0] kernel BUG at mm/page_table_check.c:121!
[    5.0] Internal error: Oops - BUG: 00000000f2000800 [#1] PREEMPT SMP
[    5.0] CPU: 0 PID: 70 Comm: library Not tainted 6.1.192 #3
[    5.0] pc : page_table_check_set.part.0+0x104/0x110
[    5.0] lr : page_table_check_set.part.0+0x44/0x110
[    5.0] Call trace:
[    5.0]  page_table_check_set.part.0+0x104/0x110
[    5.0]  __page_table_check_pte_set+0x90/0xc8
[    5.0]  change_protection+0x9b0/0xe40
[    5.0]  mprotect_fixup+0x138/0x2a8
[    5.0] ---[ end trace 0000000000000000 ]---
[    5.0] Kernel panic - not syncing: Oops - BUG: Fatal exception
"""
UBSAN = """\
================================================================================
UBSAN: array-index-out-of-bounds in mm/madvise.c:1291:13
index 4 is out of range for type 'int [4]'
CPU: 0 PID: 80 Comm: library Not tainted 6.1.192 #2
Call Trace:
 [<000000000123c4e2>] dump_stack_lvl+0x80/0xb0 
 [<000000000120d1a8>] ubsan_epilogue+0x20/0x60 
 [<000000000120d6f8>] __ubsan_handle_out_of_bounds+0x98/0xc0 
 [<00000000004a7c1e>] do_madvise+0x206/0x1a40 
"""  # noqa: W291
SLEEPS = """\
BUG: sleeping function called from invalid context at include/linux/sched/mm.h:274
in_atomic(): 0, irqs_disabled(): 0, non_block: 0, pid: 80, name: library
preempt_count: 0, expected: 0
RCU nest depth: 1, expected: 0
Call Trace:
 <TASK>
 dump_stack_lvl+0x56/0x71
 __might_resched.cold+0xd4/0x106
 __kmem_cache_alloc_node+0x17e/0x200
 kmalloc_trace+0x26/0x90
 do_mlock+0x42/0x1d0
 __x64_sys_mlock+0x1c/0x30
"""
WARNED = """\
[    7.1] ------------[ cut here ]------------
[    7.1] WARNING: CPU: 0 PID: 80 at mm/mincore.c:210 do_mincore+0x54/0x1c0
[    7.1] CPU: 0 PID: 80 Comm: library Not tainted 6.1.192 #2
[    7.1] RIP: 0010:do_mincore+0x54/0x1c0
[    7.1] ---[ end trace 0000000000000000 ]---
"""
HUNG = "INFO: task library:81 blocked for more than 120 seconds.\n      Not tainted 6.1.192 #1\n"


@pytest.mark.parametrize(
    ("text", "kind", "function", "place"),
    [
        (UNLOCK, "lock_imbalance", "__s390x_sys_mincore", ""),
        (HELD, "lock_imbalance", "__arm64_sys_mincore", ""),
        (KASAN, "use_after_free", "mremap_to", ""),
        (TWICE, "page_table", "change_protection", ""),
        (UBSAN, "array_index_out_of_bounds", "do_madvise", "mm/madvise.c:1291"),
        (SLEEPS, "sleep_in_atomic", "do_mlock", ""),
        (WARNED, "warning", "do_mincore", "mm/mincore.c:210"),
        (HUNG, "hang", "", ""),
    ],
)
def test_one_report(text: str, kind: str, function: str, place: str) -> None:
    (found,) = reports(text)
    assert (found.kind, found.place) == (kind, place)
    assert (found.frames[0].function if found.frames else "") == function


def test_where_it_was_said() -> None:
    text = f"{WARNED}[ 8.0] {MARK}mincore\n{KASAN}[ 9.0] {MARK}mincore, allocation 2 fails\n{UBSAN}"
    assert [(its.kind, its.runs) for its in reports(text)] == [
        ("warning", ""),
        ("use_after_free", "mincore"),
        ("array_index_out_of_bounds", "mincore, allocation 2 fails"),
    ]


def test_a_message_is_the_same_in_each_boot() -> None:
    one, other = (reports(text)[0].message for text in (WARNED, WARNED.replace("CPU: 0 PID: 80", "CPU: 1 PID: 2222")))
    assert one == other == "WARNING: at mm/mincore.c:210 do_mincore()"
    assert reports(HUNG)[0].message == reports(HUNG.replace(":81", ":9"))[0].message
    assert reports(KASAN)[0].message == "BUG: KASAN: use-after-free in mremap_to()"


def test_frames_are_of_who_did_it() -> None:
    (found,) = reports(KASAN)
    assert [frame.function for frame in found.frames] == ["mremap_to", "mremap_to", "__do_sys_mremap"]
    assert reports(WARNED)[0].frames[0] == Frame("do_mincore", 0x54, exact=True)


def test_a_panic_that_follows_is_no_other_report() -> None:
    assert [its.kind for its in reports(TWICE)] == ["page_table"]
    assert [its.kind for its in reports("[ 1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n")] == [
        "panic"
    ]


def test_kasan_looks_no_further() -> None:
    assert spends(reports(KASAN)[0])
    assert not any(spends(reports(text)[0]) for text in (UNLOCK, WARNED, UBSAN))


def test_a_console_that_says_nothing() -> None:
    assert reports("") == () and reports("[ 0.0] all is well\n") == ()


PATHS = ("./mm/mincore.c", "../source/mm/mincore.c", "/place/of/trees/KEY-s390x/source/mm/mincore.c", "mm/mincore.c")


@pytest.mark.parametrize("path", PATHS)
def test_names_of_the_source_are_below_it(path: str) -> None:
    (found,) = reports(f"UBSAN: shift-out-of-bounds in {path}:12:3\n")
    assert found.place == "mm/mincore.c:12" and found.message.endswith("in mm/mincore.c:12:3")
    (found,) = reports(f"kernel BUG at {path.replace('mincore', 'page_table_check')}:121!\n")
    assert (found.kind, found.place) == ("page_table", "")


def test_locks_that_are_held_are_not_who_sleeps() -> None:
    held = "1 lock held by a/1:\n #0: 00 (&mm->mmap_lock){++++}-{3:3}, at: do_page_fault+0x12/0x34\n"
    (found,) = reports(SLEEPS.replace("Call Trace:", f"{held}Call Trace:"))
    assert found.frames[0].function == "do_mlock"


SLUB = """\
=============================================================================
BUG kmalloc-64 (Tainted: G    B             ): Poison overwritten
-----------------------------------------------------------------------------
0x0000000012345678-0x0000000012345678 @offset=64. First byte 0x2a instead of 0x6b
Allocated in somebody+0x26/0x90 age=5 cpu=0 pid=80
 kmalloc_trace+0x26/0x90
 somebody+0x26/0x90
CPU: 0 PID: 80 Comm: library Not tainted 6.1.192 #2
Call Trace:
 check_bytes_and_report+0x10/0x20
 guilty+0x12/0x34
"""


def test_an_object_that_is_overwritten_is_told_of_who_sees_it() -> None:
    (found,) = reports(SLUB)
    assert (found.kind, found.frames[0].function) == ("slab", "guilty")
    assert found.message == reports(SLUB.replace("Tainted: G    B             ", "Not tainted"))[0].message


LIST = """\
list_add corruption. prev->next should be next (0000000012345678), but was 0000000087654321. (prev=0000000011111111).
------------[ cut here ]------------
kernel BUG at lib/list_debug.c:30!
monitor event: 0040 ilc:2 [#1] PREEMPT SMP
Krnl PSW : 0704c00180000000 0000000000123456 (__list_add_valid+0x96/0xa8)
Call Trace:
 [<0000000000123456>] __list_add_valid+0x96/0xa8
([<0000000000123450>] __list_add_valid+0x90/0xa8)
 [<0000000000222222>] guilty+0x12/0x34
Kernel panic - not syncing: Fatal exception: panic_on_oops
"""


def test_a_broken_list_is_one_report_with_who_found_it() -> None:
    (found,) = reports(LIST)
    assert (found.kind, found.frames[0].function) == ("list", "guilty")


@pytest.mark.parametrize(
    "line",
    [
        "divide error: 0000 [#1] PREEMPT SMP KASAN",
        "specification exception: 0006 ilc:3 [#1] PREEMPT SMP",
        "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000",
        "BUG: kernel NULL pointer dereference, address: 0000000000000000",
    ],
)
def test_an_oops_is_one_report_however_long_it_is(line: str) -> None:
    more = "".join(f" f{n}+0x1/0x2\n" for n in range(120))
    (found,) = reports(f"{line}\nCall Trace:\n{more}Kernel panic - not syncing: Fatal exception\n")
    assert (found.kind, found.frames[0].function) == ("oops", "f0")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BUG: Bad page state in process a  pfn:0a3f2", "BUG: Bad page state in process b:c  pfn:1b"),
        (
            "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [a:80]",
            "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [b:9]",
        ),
        ("BUG: spinlock bad magic on CPU#0, library/80", "BUG: spinlock bad magic on CPU#1, kworker/u2:1/9"),
        ("WARNING: CPU: 0 PID: 1 at mm/a.c:1 f.part.0+0x1/0x2", "WARNING: CPU: 1 PID: 2 at mm/a.c:1 f+0x3/0x4"),
        ("WARNING: CPU: 0 UID: 0 PID: 1 at mm/a.c:1 f+0x1/0x2", "WARNING: CPU: 1 PID: 2 at mm/a.c:1 f+0x3/0x4"),
    ],
)
def test_the_same_fault_has_the_same_words(one: str, other: str) -> None:
    assert reports(one)[0].message == reports(other)[0].message


def test_a_warning_of_newer_kernels_tells_its_place() -> None:
    (found,) = reports("WARNING: mm/mincore.c:210 at do_mincore+0x54/0x1c0, CPU#0: library/80")
    assert (found.kind, found.place) == ("warning", "mm/mincore.c:210")


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: CPU: 0 PID: 1 at mm/mincore.c:210 do_mincore+0x54/0x1c0",
        "WARNING: mm/mincore.c:210 at do_mincore+0x54/0x1c0, CPU#0: library/80",
        "WARNING: [vma->vm_start > addr] mm/mincore.c:210 at do_mincore+0x54/0x1c0, CPU#0: library/80",
    ],
)
def test_a_warning_is_one_wherever_it_is_looked_for(line: str) -> None:
    (found,) = reports(line)
    assert (found.kind, found.place) == ("warning", "mm/mincore.c:210")
    broken = find_broken(line)
    assert broken is not None and broken.kind == "warning"


def test_a_program_s_own_fault_is_not_the_kernel_s() -> None:
    assert not reports("traps: a.out[1] general protection fault ip:401000 sp:7ffe error:0 in a.out")
    assert [
        one.kind for one in reports("general protection fault, probably for non-canonical address 0x6b: 0000")
    ] == ["oops"]
