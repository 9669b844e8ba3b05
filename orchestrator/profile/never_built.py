# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of a kernel's source that no kernel is made of, as their names alone tell. Pure.

What may be part of a build is not among them: a name that is not known here is a file that may be built.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum

from orchestrator.profile import code
from orchestrator.series import diff

_WORDS = re.compile(
    r"(?:Documentation|LICENSES)/|(?:MAINTAINERS|CREDITS|COPYING|README)$|.*\.rst$"
    r"|(?:.*/)?\.(?:gitignore|gitattributes|mailmap|editorconfig|clang-format|get_maintainer\.ignore|cocciconfig)$"
)
_TOOLS = re.compile(
    r"tools/(?:testing|perf|mm|vm|accounting|cgroup|counter|crypto|debugging|edid|firewire|firmware|gpio|hv|iio"
    r"|io_uring|kvm|laptop|leds|memory-model|net|pci|pcmcia|rcu|sched_ext|spi|thermal|time|tracing|usb"
    r"|verification|virtio|wmi|writeback)/"
)
_ARCH = re.compile(r"arch/([^/]+)/")
_OPTIONS = re.compile(r"(?:Documentation|samples)/(?:.*/)?Kconfig[^/]*$")  # what every config is made from


class Never(StrEnum):
    """What such a file is, to a reader."""

    WORDS = "documentation"
    TOOL = "a tool that is not part of a kernel"
    SAMPLE = "an example, built with CONFIG_SAMPLES alone"
    OTHER_ARCH = "of another architecture"


def never_built(file: str, srcarches: Collection[str], samples: bool) -> Never | None:
    """None: it may be. srcarches: folders below arch/ of those that are asked for; samples: these may be built."""
    if _OPTIONS.match(file) or "/../" in file:
        return None
    if _WORDS.match(file):
        return Never.WORDS
    if _TOOLS.match(file):
        return Never.TOOL
    if file.startswith("samples/") and not samples:
        return Never.SAMPLE
    arch = _ARCH.match(file)
    # A 64-bit architecture may take files of the one that it grew out of.
    if arch and not any(name.startswith(arch[1]) for name in srcarches):
        return Never.OTHER_ARCH
    return None


def has_code(text: str) -> bool:
    """Does any changed line of a diff hold code? Of a comment that begins or ends beyond a hunk it is guessed."""
    return any(_changes_code(hunk) for hunk in diff.hunks(text) if hunk.file.endswith(code.SOURCES))


def _changes_code(hunk: diff.Hunk) -> bool:
    for sign in "-+":
        lines = [line for line in hunk.lines if line.sign in (" ", sign)]
        held = code.of_part([line.text for line in lines], hunk.file)
        if any(line.sign == sign and its for line, its in zip(lines, held, strict=True)):
            return True
    return False
