# SPDX-License-Identifier: GPL-2.0-or-later
"""Which instructions differ between two kernels, wherever the linker has put them: from objdump's text. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_HEAD = re.compile(r"([0-9a-f]+) <(.+)>:$")
_ROW = re.compile(r"\s*([0-9a-f]+):\t(.+)$")
_TARGET = re.compile(r"(?:0x)?[0-9a-f]+ <([^<>]+?)(\+0x[0-9a-f]+)?>")
_FILLER = "nop"  # for alignment: where one is depends on the layout
_ELSEWHERE = "<*>"  # an address of what has no name of its own: where it is depends on the layout
_RELATIVE = re.compile(r"-?0x[0-9a-f]+\(%rip\)|(?<=%gs:)-?0x[0-9a-f]+")
_ABSOLUTE = re.compile(r"-?0x[0-9a-f]{7,}")
_REMARK = re.compile(r"\s+//.*$")
_REGISTER = re.compile(r"[a-z]+\s+([a-z]\w*),")
_WORD = re.compile(r"\w+")
_NUMBERED = re.compile(r"\.\d+$")  # __already_done.12: one more before it in the file, and it is another number
_NUMBER = re.compile(r"#-?(?:0x[0-9a-f]+|\d+)")
_FORMS = "adr"  # how instructions begin that form an address, and do not go there
_PAGE = re.compile(
    r"[0-9a-f]+000 <[^<>]+>"
)  # what a register is given first, where an address takes two instructions

Instruction = tuple[int, str]  # address; what it does, in words that do not depend on the layout


@dataclass(frozen=True)
class Code:
    """{function: its instructions}"""

    functions: Mapping[str, Sequence[Instruction]]


def parse(text: str, wanted: Collection[str]) -> Code:
    """What objdump -d --no-show-raw-insn prints, of these functions alone. Of several by one name none is told."""
    found: dict[str, list[Instruction]] = {}
    twice: set[str] = set()
    for block in text.split("\n\n"):
        head, _, rows = block.lstrip("\n").partition("\n")
        named = _HEAD.match(head)
        if named is None or named[2] not in wanted:
            continue
        twice |= {named[2]} & found.keys()
        found[named[2]] = _instructions(named[2], rows.split("\n"))
    return Code({name: rows for name, rows in found.items() if name not in twice})


def _instructions(function: str, rows: Iterable[str]) -> list[Instruction]:
    """Where an address takes two instructions, the second one's number depends on the layout: of those that go by a
    register that has a page somewhere in the function, numbers are left out."""
    found: list[Instruction] = []
    pages: set[str] = set()
    for row in rows:
        known = _ROW.match(row)
        if known is None:
            continue
        text, target = _REMARK.sub("", known[2]), _REGISTER.match(known[2])
        text = _PAGE.sub(_ELSEWHERE, text) if target and text.startswith(_FORMS) else text
        text = _ABSOLUTE.sub("*", _RELATIVE.sub("*", _TARGET.sub(lambda its: _named(its, function), text)))
        if target and _ELSEWHERE in text:
            pages.add(target[1])
        if text != _FILLER:
            found.append((int(known[1], 16), " ".join(text.split())))
    return [(address, _NUMBER.sub("#*", text) if _goes_by(text, pages) else text) for address, text in found]


def _goes_by(text: str, pages: set[str]) -> bool:
    return "#" in text and not pages.isdisjoint(_WORD.findall(text.partition(",")[2]))


def _named(found: re.Match[str], function: str) -> str:
    """Of an address: the function's own code, what has a name there, or anything else."""
    if found[1] == function:
        return "<.>"
    return _ELSEWHERE if found[2] else f"<{_NUMBERED.sub('', found[1])}>"


def differing(base: Code, new: Code) -> tuple[set[int], set[int]]:
    """Addresses of instructions that the other kernel does not have in its function of the same name."""
    sides: tuple[set[int], set[int]] = (set(), set())
    for name in {**base.functions, **new.functions}:
        one, other = base.functions.get(name, ()), new.functions.get(name, ())
        texts = [text for _, text in one], [text for _, text in other]
        if texts[0] == texts[1]:
            continue
        for kind, first, last, start, end in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
            if kind != "equal":
                sides[0].update(address for address, _ in one[first:last])
                sides[1].update(address for address, _ in other[start:end])
    return sides


def functions(base: str, new: str) -> set[str]:
    """Names of functions that are not the same in both, by what objdump prints of them; one that is in one alone is
    none of them."""
    rows = [_blocks(text) for text in (base, new)]
    return {
        name
        for name, one in rows[0].items()
        if name in rows[1]
        and [text for _, text in _instructions(name, one)] != [text for _, text in _instructions(name, rows[1][name])]
    }


def _blocks(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for block in text.split("\n\n"):
        head, _, rows = block.lstrip("\n").partition("\n")
        if named := _HEAD.match(head):
            found[named[2]] = rows.split("\n")
    return found
