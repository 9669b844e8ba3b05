# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel that watches itself says on its console, report by report. Pure.

A report begins with a line of _STARTS. How a kernel words what it finds, and what it prints below, differs by
architecture and version in its blanks alone: what is read are the titles, and words like do_mincore+0x1c/0x100.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MARK = "kmatrix: runs "  # before the name of what begins to run
LONGEST = 150  # lines of a report
BEHIND = 80  # lines behind a report in which another may be its consequence
DEADLY = ("page_table", "bug", "oops", "panic")  # kinds after which a kernel does not go on

# (kind, the start of the title). The first that matches a line says what it is; {0} is what the pattern found.
_STARTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("lock_imbalance", r"WARNING: bad unlock balance detected|WARNING: lock held when returning to user space"),
        ("lock_imbalance", r"WARNING: .* still has locks held|BUG: workqueue leaked (?:lock|atomic)"),
        ("lock_imbalance", r"WARNING: held lock freed|BUG: held lock freed"),
        ("deadlock", r"WARNING: possible (?:recursive locking|circular locking|irq lock inversion)"),
        ("deadlock", r"WARNING: (?:inconsistent lock state|\S+-safe -> \S+-unsafe lock order|Nested lock)"),
        ("deadlock", r"BUG: (?:spinlock|rwlock|rwsem|mutex|Invalid wait context)"),
        ("deadlock", r"INFO: trying to register non-static key|WARNING: bad contention detected"),
        ("lockdep_off", r"BUG: MAX_(?:LOCK|STACK)\w+ too low"),
        ("rcu", r"WARNING: suspicious RCU usage"),
        ("sleep_in_atomic", r"BUG: (?:sleeping function called from|scheduling while atomic)"),
        ("{0}", r"BUG: KASAN: ([\w-]+)"),
        ("{0}", r"UBSAN: ([\w-]+)"),
        ("slab", r"BUG [\w.-]+ (?:\([^)]*\)|Tainted)[^:]*: "),
        ("list", r"list_(?:add|del) corruption"),
        ("bad_page", r"BUG: (?:Bad page|Bad rss-counter|non-zero pgtables_bytes|Bad swap)"),
        ("bad_page", r"\.[ch]:\d+: bad p[gu4m]?d |(?:Bad|Unused) swap (?:file|offset) entry"),
        ("page_table", r"kernel BUG at mm/page_table_check\.c"),
        ("hang", r"INFO: task .* blocked (?:for|in I/O wait for) more than|BUG: soft lockup|hard LOCKUP"),
        ("hang", r"BUG: workqueue lockup|rcu: INFO: \w+ (?:self-)?detected|detected expedited stalls"),
        ("bug", r"kernel BUG at "),
        ("oops", r"BUG: (?:unable to handle|kernel NULL)|Unable to handle kernel|(?<!\] )general protection fault"),
        ("oops", r"Internal error: |Oops(?:: | - )|^\w[\w ,-]*: [0-9a-f]{4,} (?:ilc:\d )?\[#\d+\]"),
        ("warning", r"WARNING: (?:CPU: \d|at |(?:\[[^\]]*\] )?[\w./-]+\.[chS]:\d)"),
        ("fault", r"^BUG: "),
        ("panic", r"Kernel panic - not syncing"),
    )
)
_PATH = re.compile(r"(?:/\S*?|\.\.)/source/|(?<![\w./])\./")  # before names of the source
_STAMP = re.compile(r"^(?:\[ *\d+\.\d+\] ?|\[ *[TC]\d+\] ?)+")
_FRAME = re.compile(r"\b([A-Za-z_][\w.$]*)\+0x([0-9a-f]+)/0x[0-9a-f]+")
_EXACT = re.compile(r"RIP: |^\s*pc\s*:|PSW : |WARNING: ")  # lines with an address of an instruction that runs
_PLACE = re.compile(
    r"(?:at|in|of) ([\w./-]+\.[chS]):(\d+)|(?:^|WARNING: (?:\[[^\]]*\] )?)([\w./-]+\.[ch]):(\d+):? \w"
)
_APART = re.compile(r"\s*(?:Allocated by|Freed by|Last potentially|the existing dependency|Showing all locks)")
_OTHERS = re.compile(r"\s*(?:lr\s*:|Last Breaking|Krnl Code|(?:hard|soft)irqs last)")
_HELD = re.compile(r"\s*#\d+: ")
# What differs between two boots of the same fault, or two kernels: (what it looks like, what stays).
_VARIES = tuple(
    (re.compile(pattern), stays)
    for pattern, stays in (
        (r"CPU: \d+ (?:UID: \d+ )?(?:PID: \d+ )?", ""),
        (r",? ?(?:on )?CPU#\d+:?", ""),
        (r"\btask \S+:\d+", "task"),
        (r" \[\S+:\d+\]$", ""),
        (r"\bin process \S+", "in a process"),
        (r"\bpfn:[0-9a-f]+", "pfn"),
        (r"\bfor \d+s\b|\bmore than \d+ seconds", "too long"),
        (r" \((?:Not t|T)ainted[^)]*\)| Tainted: [A-Z ]+", ""),
        (r"\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?", "()"),
        (r"\.(?:isra|part|constprop|cold)(?:\.\d+)*(?=\()", ""),
        (r"#\d+\b", "#"),
        (r"(?:[:,] |by task )\S+/\d+(?:/0x[0-9a-f]+)?", ""),
        (r"\b(?:0x)?[0-9a-f]{8,}\b", "*"),
    )
)


# Globs of functions that find, tell, or are only called by whom it is about.
_TELLING = """
_dump_stack* dump_stack* show_stack* *show_trace* dump_backtrace* show_regs* arch_stack_walk* stack_trace_* print_*
warn_* __warn* *report_bug* handle_bug* die die_* oops_* *panic* bust_* *printk* do_trap* notify_die
exc_* asm_* el1* el0* do_debug_exception brk_handler bug_handler *break_hook do_mem_abort do_translation_fault
__do_kernel_fault *pgm_check* monitor_event* system_call* entry_* ret_from_* invoke_syscall* do_el0_svc* do_syscall*
__do_syscall* *exit_to_user* syscall_exit* kthread* start_kernel
lockdep_* lock_acquire* lock_release* lock_is_held* lock_contended* lock_acquired* __lock_acquire* __lock_release*
validate_chain check_noncircular check_prev* check_wait_context check_flags check_irq_usage check_deadlock
check_usage* mark_lock* mark_held* mark_usage *bad_unlock* _raw_* __raw_* *rcu_read_* rcu_note* rcu_lockdep* debug_*
down_read* down_write* up_read* up_write* __up_read* __up_write* __down_* mutex_* __mutex_* *spin_lock* *spin_unlock*
__might_* __cond_resched* __schedule* schedule schedule_timeout* preempt_schedule* msleep* usleep*
wait_for_completion* *kasan_* *asan_* *ubsan_* check_slab check_object check_bytes* check_pad* object_err* slab_*
__slab_* ___slab_* *slab_err* free_debug* alloc_debug* refcount_warn* usercopy_abort* __check_object_size*
__check_heap_object* fortify_* rwsem_* kmem_cache_* __kmem_cache_* kmalloc* __kmalloc* kfree* __kfree*
memcpy* memset* memmove* __memcpy* __memset* __memmove* *page_table_check* __list_* list_debug* bad_page*
"""
_MACHINERY = re.compile("|".join(map(fnmatch.translate, _TELLING.split())))
# Files in which a kernel finds what others did.
_FINDERS = re.compile(
    r"kernel/(?:locking|rcu|sched|panic|entry)|include/|arch/[^/]*/include/"
    r"|lib/(?:list_debug|refcount|ubsan|percpu-refcount|string_helpers)"
    r"|mm/(?:kasan|page_table_check|debug|slub|slab|usercopy)"
)


@dataclass(frozen=True)
class Frame:
    """function+offset of a backtrace. exact: of the instruction itself; else of the one after a call."""

    function: str
    offset: int
    exact: bool = False


@dataclass(frozen=True)
class Report:
    """kind: one word, as contracts have it. message: the title, without what differs by boot. place: file:line, where
    the kernel says it itself, and it is not the one that finds. frames: innermost first, without those that find.
    runs: the workload in which it was, "" for the boot; text: all of it."""

    kind: str
    message: str
    place: str
    frames: tuple[Frame, ...]
    runs: str
    text: str


def reports(console: str) -> tuple[Report, ...]:
    """All of a console, in order."""
    lines = [_PATH.sub("", _STAMP.sub("", line)).rstrip() for line in console.splitlines()]
    starts = list(_starts(lines))
    ends = [*(at for at, *_ in starts[1:]), len(lines)]
    return tuple(
        _report(kind, runs, lines[at : min(end, at + LONGEST)])
        for (at, kind, runs), end in zip(starts, ends[: len(starts)], strict=True)
        if kind
    )


def spends(report: Report) -> bool:
    """Does who found it look no further? KASAN tells one thing a boot; of lockdep the guest says whether it is on."""
    return report.message.startswith("BUG: KASAN")


def _starts(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """(line, kind, what runs); a mark has no kind. What a kernel says while it breaks is one report."""
    runs, before, last = "", "", -BEHIND
    for at, line in enumerate(lines):
        if MARK in line:
            runs, before, last = line.partition(MARK)[2].strip(), "", -BEHIND
            yield at, "", runs
            continue
        kind = _kind(line)
        if not kind or _follows(kind, before, at - last):
            continue
        before, last = kind, at
        yield at, kind, runs


def _follows(kind: str, before: str, lines: int) -> bool:
    """Is it what another report ends in? An oops is the end of these kernels; who finds a list or an object that is
    broken warns or gives up right behind."""
    if before in DEADLY:
        return True
    return before in ("list", "slab") and kind in ("bug", "warning", "oops", "panic") and lines < BEHIND


def _kind(line: str) -> str:
    for kind, pattern in _STARTS:
        if found := pattern.search(line):
            return kind.format(*found.groups()).replace("-", "_")
    return ""


def _report(kind: str, runs: str, lines: Sequence[str]) -> Report:
    title = _title(lines[0])
    said = next((found for line in lines[:4] if (found := _PLACE.search(line))), None)
    place = ":".join(filter(None, said.groups())) if said else ""
    frames = tuple(_frames(kind, lines))
    return Report(kind, title, "" if _FINDERS.match(place) else place, frames, runs, "\n".join(_whole(lines)))


def _title(line: str) -> str:
    """Without what is another in each boot."""
    text = line[min((found.start() for _, pattern in _STARTS if (found := pattern.search(line))), default=0) :]
    for pattern, stays in _VARIES:
        text = pattern.sub(stays, text)
    return text.strip(" ,]")


def _frames(kind: str, lines: Sequence[str]) -> Iterator[Frame]:
    """Of the first backtrace: whoever allocated or freed what it is about is not the one that it is about. Of a lock
    it is where it was taken or given back; of all else, locks that are held say nothing."""
    of_lock, begun = kind in ("lock_imbalance", "deadlock"), kind != "slab"
    for line in lines:
        begun = begun or line.startswith("CPU: ")
        if _APART.match(line):
            return
        if not begun or _OTHERS.match(line) or (_HELD.match(line) and not of_lock):
            continue
        for found in _FRAME.finditer(line):
            if not line[: found.start()].rstrip().endswith("?") and not _MACHINERY.match(found[1]):
                yield Frame(found[1], int(found[2], 16), bool(_EXACT.search(line)))


def _whole(lines: Sequence[str]) -> list[str]:
    """Up to where the kernel says that it ends, if it does."""
    ends = (
        at for at, line in enumerate(lines) if "---[ end trace" in line or (at > 3 and re.match(r"={20,}$", line))
    )
    end = next(ends, len(lines) - 1)
    while end and not lines[end].strip():
        end -= 1
    return list(lines[: end + 1])
