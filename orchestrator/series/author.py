# SPDX-License-Identifier: GPL-2.0-or-later
"""What a series says of the source that its author had: blobs, base-commit, prerequisites, the tree's name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.series import diff
from orchestrator.series.series import Series

ABSENT = ""  # the id of a file that was not there
LONGEST = 4096  # characters of a file's name: Linux has none that is longer

_SECTION = re.compile(r"^(?=diff --git )", re.M)
_INDEX = re.compile(r"^index ([0-9a-f]{7,64})\.\.([0-9a-f]{7,64})(?: \d+)?\r?$", re.M)
_OLD_NAME = re.compile(r"^(?:rename|copy) from (.+?)\r?$", re.M)
_HEAD = re.compile(r"diff --git [^/\n]+/(.+) [^/\n]+/\1\r?$", re.M)
_HUNK = re.compile(r"^@@ ", re.M)
_CREATED = re.compile(r"^(?:new file mode|--- /dev/null)", re.M)
_PATCH_ID = re.compile(r"^prerequisite-patch-id: ([0-9a-f]{40})\s*$", re.M)
_MESSAGE = re.compile(r"^prerequisite-message-id: <?([^\s<>]+)>?\s*$", re.M)


@dataclass(frozen=True)
class Author:
    """blobs: {file: git's id of what was in it, maybe short; ABSENT}; base: base-commit; patch_ids, messages: of
    prerequisites, in order; tree: as the subject names it (mm-unstable). What is not told is empty."""

    blobs: Mapping[str, str]
    base: str = ""
    patch_ids: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    tree: str = ""


def of(series: Series) -> Author:
    """A file that several of its patches change counts as the first of them has it."""
    blobs: dict[str, str] = {}
    made = set[str]()  # by a patch of the series
    for patch in series.patches:
        for file, old in _blobs(patch.text):
            if file not in made:
                blobs.setdefault(file, old)
        made |= {hunk.file for hunk in diff.hunks(diff.bare(patch.text))}
    texts = [*(its.cover for its in series.origins), *(patch.text for patch in series.patches)]
    return Author(blobs, series.base, *prerequisites(texts), series.tree)


def prerequisites(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(patch-ids, Message-Ids) of those that mails name, in order."""
    known = list(texts)
    return _all(_PATCH_ID, known), _all(_MESSAGE, known)


def _all(pattern: re.Pattern[str], texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for text in texts for found in pattern.findall(text)))


def _blobs(text: str) -> Iterator[tuple[str, str]]:
    """(file, its id before). An id of noughts of a file that is not new says nothing."""
    for section in _SECTION.split(text[max(diff.start(text), 0) :]):  # diff.bare() takes such ids out
        hunk = _HUNK.search(section)
        head = section[: hunk.start()] if hunk else section
        if not (index := _INDEX.search(head)):
            continue
        created = _CREATED.search(head) is not None
        name = _name(head, section)
        if (created or index[1].strip("0")) and 0 < len(name) < LONGEST and "\0" not in name:
            yield name, ABSENT if created else index[1]


def _name(head: str, section: str) -> str:
    """Before the change."""
    if renamed := _OLD_NAME.search(head):
        return renamed[1]
    if hunks := diff.hunks(section):
        return hunks[0].file
    found = _HEAD.match(head)
    return found[1] if found else head.partition("\n")[0]
