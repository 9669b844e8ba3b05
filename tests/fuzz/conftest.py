# SPDX-License-Identifier: GPL-2.0-or-later
"""Files as they should be, made worse: what is done to them, and what must hold of every command that reads them."""

from __future__ import annotations

import copy
import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import KmatrixError

ONCE, NIGHT = 100, 2000  # cases of each kind in make test, and in make test-all
CPU_S = 20  # of a case: no command that reads a file takes as long
Worse = tuple[str, int, int]  # what is done, where, and with what

NUMBERS = (b"0", b"-1", b"1e999", b"9" * 5000, b"4294967296", b"0x7fffffffffffffff", b"nan", b"3.5")
ODD = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b"\r\n",
    b"\x1b[31m",
    "\N{RIGHT-TO-LEFT OVERRIDE}".encode(),
    b"\xc3",
)
OUTSIDE = (b"../../../../outside", b"/outside", b"~/outside", b"a/../../outside", b"$HOME/outside", b"x" * 5000)
MAILS = (
    b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: x-unknown\n", b"Content-Type: text/html\n",
    b'Content-Type: text/plain; charset="no-such"\n', b'Content-Type: multipart/mixed; boundary=""\n',
    b"Content-Type: message/rfc822\n", b"Content-Type: multipart/mixed; boundary=x\n\n--x\n", b"=?utf-99?b?###?=",
    b"Subject: [PATCH v99999999999999999999 0/0] x\n", b"Subject: [PATCH 7/3]\n", b"Subject: \n", b"Message-Id: <>\n",
    b"From x Mon Sep 17 00:00:00 2001\n", b"From: =?utf-8?q?=ZZ?= <a@b>, ;;: <\n", b"Re: ", b"To: a" + b",b" * 999,
    b"base-commit: 0123456789abcdef\n", b"prerequisite-patch-id: " + b"0" * 40 + b"\n",
    b"prerequisite-message-id: <old@example.org>\n",
    b"In-Reply-To: <a b>\n", b"References: " + b"<x@y> " * 300, b"Date: never\n",
)  # fmt: skip
DIFFS = (
    b"--- a/../../../../outside\n+++ b/../../../../outside\n@@ -0,0 +1 @@\n+evil\n",
    b"--- /dev/null\n",
    b"+++ /dev/null\n",
    b"--- /dev/null\n+++ b/../outside\n@@ -0,0 +1 @@\n+evil\n",
    b"--- /dev/null\n+++ /outside\n@@ -0,0 +1 @@\n+evil\n",
    b"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+../../outside\n",
    b"rename from mm/memory.c\nrename to ../../outside\n",
    b"copy from mm\ncopy to x\n",
    b"GIT binary patch\n",
    b"Binary files a/x and b/x differ\n",
    b"@@ -1,99999999999 +1 @@\n",
    b"@@ -0,0 +0,0 @@\n",
    b"@@ -1 +1 @@ @@\n",
    b"@@\n",
    b'--- "a/\\377\\"\n',
    b"\\ No newline at end of file\n",
    b"--- \n+++ \n",
    b"--- a/mm\n+++ b/mm\n@@ -0,0 +1 @@\n+x\n",
    b"diff --git a/x b/x\nold mode 100644\nnew mode 160000\n",
    b"Index: ../outside\n",
    b"*** a/mm/x\n",
    b"Prereq: x\n",
    b"1c\n",
)
YAML = (
    b"&a [*a]",
    b"a: &a {b: *a}\n",
    b"<<: *x\n",
    b"!!python/object:os.system x",
    b"{",
    b"[",
    b"- ",
    b": ",
    b"null",
    b"~",
    b"? ",
    b"2024-01-01",
    b"\t",
    b"!!set {a}",
    b"!!binary x",
    b"%YAML 3.0\n---\n",
    b"---\n",
    b"|\n",
    b"[[[[[[[[",
    b"{a: [1, {}]}",
    b"!!float x",
    b"- - - -\n",
    b"*",
    b"!",
    b"yes",
    b"'",
    b'"',
    b"#",
    b"@",
    b"profiles: 3\n",
    b"presets: {x: 1}\n",
    b"kernels: {}\n",
    b"sources: []\n",
    b"claims: [{id: 1}]\n",
    b"{git: /outside}",
    b"{tarball: x, sha256: y}",
    b"{image: 'x-{arch}{'}",
    b"config: [x]\n",
    b"cpu: 3\n",
)
TOML = (
    b"[[expect]]\n",
    b"[expect]\n",
    b"nan",
    b"inf",
    b"1979-05-27",
    b'"""',
    b"a.b.c = 1\n",
    b"[calls]\n",
    b"[calls.x]\n",
    b"= 1\n",
    b"[]",
    b"program = '../../outside'\n",
    b"program = 3\n",
    b"[disk]\nmib = 99999999999999\n",
    b"metrics = [3]\n",
    b"true",
    b"[[calls.x]]\n",
)
CONFIG = (
    b"CONFIG_X=y\n",
    b"CONFIG_=\n",
    b"# CONFIG_X is not set\n",
    b"#: start\n",
    b"#: \n",
    b'CONFIG_X="\n',
    b"#: start nothing\n",
)
PROGRAM = (
    b"#!/bin/sh\n",
    b"#!\n",
    b"\x7fELF\x02\x01\x01",
    b"int main(",
    b"\x7fELF",
    b"testcase_description",
    b"ksft_",
)
VALUES: tuple[Any, ...] = (
    None, True, -1, 10**400, 1e308, float("nan"), "", "x", "../../outside", [], {}, [None], {"": None}, [[]], "a/b", 0
)  # fmt: skip


def _place(text: bytes, at: int) -> int:
    return at % (len(text) + 1)


def _lines(text: bytes, at: int, other: int) -> bytes:
    """Two of them change places."""
    rows = text.splitlines(keepends=True) or [b""]
    one, two = at % len(rows), other % len(rows)
    rows[one], rows[two] = rows[two], rows[one]
    return b"".join(rows)


def _number(text: bytes, at: int, other: int) -> bytes:
    """The next number is another."""
    start = next((i for i in range(_place(text, at), len(text)) if text[i : i + 1].isdigit()), len(text))
    end = next((i for i in range(start, len(text)) if not text[i : i + 1].isdigit()), len(text))
    return text[:start] + NUMBERS[other % len(NUMBERS)] + text[end:]


def _cut(text: bytes, at: int, other: int) -> bytes:
    start = _place(text, at)
    return text[:start] + text[start + 1 + other % 200 :]


def _again(text: bytes, at: int, other: int) -> bytes:
    """A part of it many times."""
    start = _place(text, at)
    return text[:start] + text[start : start + other % 400] * (1 + other % 60) + text[start:]


DONE: dict[str, Callable[[bytes, int, int], bytes]] = {
    "flip": lambda text, at, other: text[: (i := _place(text, at))] + bytes([other % 256]) + text[i + 1 :],
    "cut": _cut,
    "end": lambda text, at, _: text[: _place(text, at)],
    "lines": _lines,
    "number": _number,
    "again": _again,
    "odd": lambda text, at, other: text[: (i := _place(text, at))] + ODD[other % len(ODD)] + text[i:],
    "outside": lambda text, at, other: text[: (i := _place(text, at))] + OUTSIDE[other % len(OUTSIDE)] + text[i:],
    "crlf": lambda text, _, __: text.replace(b"\n", b"\r\n"),
}
worse = st.lists(
    st.tuples(st.sampled_from([*DONE, "word", "word", "other"]), st.integers(0, 2**24), st.integers(0, 2**24)),
    min_size=1,
    max_size=6,
)


def made_worse(text: bytes, steps: Sequence[Worse], words: Sequence[bytes], others: Sequence[bytes] = ()) -> bytes:
    """words: what such files are made of; they go where lines begin, as often as not."""
    for what, at, other in steps:
        if what == "word":
            place = _place(text, at)
            place = text.rfind(b"\n", 0, place) + 1 if at % 2 else place
            text = text[:place] + words[other % len(words)] + text[place:]
        elif what == "other" and others:
            more = others[other % len(others)]
            text = text[: _place(text, at)] + more[_place(more, other) :]
        elif what in DONE:
            text = DONE[what](text, at, other)
    return text


def json_made_worse(text: bytes, steps: Sequence[Worse]) -> bytes:
    """One that still is JSON, with values that it should not have."""
    value = json.loads(text)
    for what, at, other in steps:
        places = list(_places(value))
        if places:
            holder, key = places[at % len(places)]
            if what in ("cut", "end"):
                del holder[key]
            else:
                holder[key] = copy.deepcopy(VALUES[other % len(VALUES)])
    return json.dumps(value).encode()


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def cases(number: int) -> settings:
    """The same ones every day, others every night."""
    return settings(
        max_examples=number,
        derandomize=number == ONCE,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@dataclass
class World:
    """A folder in which a command is given, and all around it that must stay as it is."""

    root: Path

    @property
    def here(self) -> Path:
        """Where it is given; what it writes below runs/ is its own."""
        return self.root / "a/b/c/here"

    def files(self) -> dict[str, bytes]:
        """All, but what a command may write: its run folders, and kmatrix's own in cache and home."""
        found = {}
        for place, folders, names in os.walk(self.root):
            inner = Path(place).relative_to(self.root)
            folders[:] = [n for n in folders if str(inner / n) not in ("cache", "home", "a/b/c/here/runs", "tmp")]
            for name in names:
                path = Path(place, name)
                found[str(inner / name)] = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()  # noqa: PTH115
        return found

    def gives(self, words: Sequence[str | Path], named: Sequence[str], stdin: bytes = b"") -> None:
        """A command, whatever its files are like: it ends soon, and well or with words that name one of the files."""
        before = self.files()
        ended = _within(lambda: CliRunner().invoke(app, [*map(str, words)], input=stdin))
        error = ended.exception
        if isinstance(error, KmatrixError):
            told = f"{error.message} {error.hint} {error.log}"
            assert any(name in told for name in named), f"names no file: {error.message!r}"
            assert error.message.isprintable() or "\n" in error.message or "\t" in error.message
        elif error is not None and not isinstance(error, SystemExit | OSError):
            raise AssertionError(f"{' '.join(map(str, words))}: {error!r}") from error
        after = self.files()
        assert after == before, sorted({*after.items()} ^ {*before.items()})[:5]


def _within(work: Callable[[], Any]) -> Any:
    """work's result, in less than CPU_S of processor time: the host may be as busy as it likes."""

    def late(_: int, frame: FrameType | None) -> None:
        raise AssertionError(f"it has taken {CPU_S} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
