# SPDX-License-Identifier: GPL-2.0-or-later
"""Which instructions differ between kernels, wherever the linker has put them. Excerpts of objdump's text."""

from __future__ import annotations

import pytest

from orchestrator.profile.instructions import differing, parse

ARM = """

vmlinux:     file format elf64-littleaarch64


Disassembly of section .text:

ffff800008260e40 <fault>:
ffff800008260e40:	nop
ffff800008260e44:	adrp	x22, ffff800009a1b000 <lock+0x3e0>
ffff800008260e48:	ldr	x3, [x22, #48]
ffff800008260e4c:	add	x1, x22, #0xf8
ffff800008260e50:	ldr	x4, [x19, #48]
ffff800008260e54:	cbz	x23, ffff800008260e60 <fault+0x20>
ffff800008260e58:	bl	ffff80000821f620 <set_page_dirty>
ffff800008260e5c:	mov	w0, #0x24                  	// #36
ffff800008260e60:	ret

ffff800008260e64 <other>:
ffff800008260e64:	ret
"""
# The same, moved: another page, another place in it, another alignment.
MOVED = """
ffff800008270f3c <fault>:
ffff800008270f3c:	adrp	x22, ffff800009a1c000 <named_there>
ffff800008270f40:	ldr	x3, [x22, #3760]
ffff800008270f44:	add	x1, x22, #0xe08
ffff800008270f48:	ldr	x4, [x19, #48]
ffff800008270f4c:	cbz	x23, ffff800008271000 <fault+0xc4>
ffff800008270f50:	bl	ffff80000822f000 <set_page_dirty>
ffff800008270f54:	mov	w0, #0x24                  	// #36
ffff800008271000:	ret
"""
X86 = """
ffffffff812217a0 <fault>:
ffffffff812217a0:	call   ffffffff8105c650 <__fentry__>
ffffffff812217a5:	mov    0x12a8f3(%rip),%rax        # ffffffff8234c0a0 <jiffies>
ffffffff812217ac:	mov    $0xffffffff81e0a2b8,%rdi
ffffffff812217b3:	mov    -0x7e1f5d40(,%rax,8),%rdx
ffffffff812217bb:	mov    %gs:0x1fbc0,%rcx
ffffffff812217c4:	mov    0x50(%rdi),%r13
ffffffff812217c8:	jne    ffffffff812217a5 <fault+0x5>
ffffffff812217ca:	mov    $0x400,%eax
"""


def functions(text: str) -> dict[str, list[str]]:
    return {name: [words for _, words in rows] for name, rows in parse(text, {"fault", "other"}).functions.items()}


def test_code_that_was_only_moved_does_not_differ() -> None:
    assert functions(ARM)["fault"] == functions(MOVED)["fault"]
    moved = X86.replace("ffffffff8122", "ffffffff8133").replace("8105c650", "8106c000").replace("12a8f3", "12b8f3")
    moved = moved.replace("81e0a2b8", "81e1a2b8").replace("7e1f5d40", "7e1e5d40").replace("1fbc0", "1fc00")
    assert functions(X86) == functions(moved.replace("8234c0a0", "8235c0a0"))


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (ARM, "w0, #0x24", "w0, #0x25"),
        (ARM, "[x19, #48]", "[x19, #56]"),  # a field of a structure
        (ARM, "<set_page_dirty>", "<set_page_clean>"),
        (ARM, "cbz", "cbnz"),
        (X86, "$0x400", "$0x4000"),
        (X86, "0x50(%rdi)", "0x58(%rdi)"),
        (X86, "<jiffies>", "<other>"),
    ],
)
def test_code_that_does_something_else_differs(text: str, old: str, new: str) -> None:
    one, other = parse(text, {"fault"}), parse(text.replace(old, new), {"fault"})
    removed, added = differing(one, other)
    assert len(removed) == len(added) == 1 and removed == added


def test_what_differs_is_told_by_address_on_both_sides() -> None:
    lines = ARM.splitlines(keepends=True)
    place = next(i for i, row in enumerate(lines) if "mov\tw0" in row)
    longer = "".join([*lines[:place], "ffff800008260e5a:\tbrk\t#0x800\n", *lines[place:]])
    removed, added = differing(parse(ARM, {"fault"}), parse(longer, {"fault"}))
    assert removed == set() and added == {0xFFFF800008260E5A}


def test_a_function_that_only_one_kernel_has_differs_as_a_whole() -> None:
    removed, added = differing(parse(ARM, {"fault", "other"}), parse(MOVED, {"fault", "other"}))
    assert removed == {0xFFFF800008260E64} and not added


def test_only_what_is_asked_for_is_read_and_a_name_that_several_have_is_nobody_s() -> None:
    assert set(parse(ARM, {"other"}).functions) == {"other"}
    assert parse(ARM + ARM.replace("mov\tw0", "mov\tw1"), {"fault"}).functions == {}


def test_the_number_of_a_static_within_a_function_does_not_count() -> None:
    """It is another one as soon as a function above has one more."""
    one = X86.replace("<jiffies>", "<__already_done.12>")
    other = X86.replace("<jiffies>", "<__already_done.13>")
    assert differing(parse(one, {"fault"}), parse(other, {"fault"})) == (set(), set())
    assert differing(parse(one, {"fault"}), parse(X86, {"fault"})) != (set(), set())
