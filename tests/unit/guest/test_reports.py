# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels that watch themselves say, told apart. The texts are of Linux 6.1 in guests, shortened."""

from __future__ import annotations

import pytest

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


def test_who_looks_no_further() -> None:
    assert spends(reports(UNLOCK)[0]) and spends(reports(KASAN)[0])
    assert not spends(reports(WARNED)[0]) and not spends(reports(UBSAN)[0])
