# SPDX-License-Identifier: GPL-2.0-or-later
"""What a source's own scripts say of patches and of what they touch: checkpatch.pl and kernel-doc, in a sandbox."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.build.once_more import view
from orchestrator.build.variants import Said, said
from orchestrator.errors import BuildError
from orchestrator.model import Kernel
from orchestrator.sandbox import bubblewrap
from orchestrator.sandbox.bubblewrap import Bounds, Sandbox
from orchestrator.store import Store, text_of

CHECKPATCH, KERNEL_DOC = "scripts/checkpatch.pl", "scripts/kernel-doc"
SECONDS = 300
_BOUNDS = Bounds(memory_mib=1024, processes=200)
_SEEN = Path("/source")  # where a script sees it
_SAID = re.compile(r"^(?:(?P<file>[^\s:]*):)?(?P<line>\d*):? ?(?P<level>ERROR|WARNING):(?P<type>\w+): (?P<text>.+)$")
_LETTER = re.compile(r"^(?:From|Subject|Date): ", re.M)
_OF_LETTERS = ("--no-signoff", "--ignore", "COMMIT_MESSAGE")


@dataclass(frozen=True)
class Style:
    """Of one pristine source. A script that it lacks says nothing: None."""

    store: Store
    source: Path

    async def patch(self, patch: Path) -> tuple[Said, ...] | None:
        """Errors and warnings of checkpatch.pl; a diff without a letter is not blamed for what a letter has."""
        if not (self.source / CHECKPATCH).exists():
            return None
        letter = _LETTER.search(re.split(r"^(?:diff |--- )", text_of(patch), maxsplit=1, flags=re.M)[0])
        options = ["--terse", "--show-types", "--showfile", "--no-summary", f"--root={_SEEN}"]
        at = Path("/patch") / patch.name
        argv = ["perl", f"{_SEEN}/{CHECKPATCH}", *options, *(() if letter else _OF_LETTERS), str(at)]
        code, text = await self._run(argv, {self.source: _SEEN, patch: at})
        return _unless_it_failed(CHECKPATCH, code, text, checkpatch(text, patch.name))

    async def docs(self, kernel: Kernel, files: Collection[str]) -> tuple[Said, ...] | None:
        """What kernel-doc warns of in files, as the kernel's patches leave them."""
        if not (self.source / KERNEL_DOC).exists():
            return None
        with self.store.scratch() as scratch:
            shown = await view(self.source, kernel.patches, (), _SEEN, scratch)
            here = [file for file in sorted(files) if (scratch / "patched" / file).exists()]
            here += [file for file in sorted(files) if file not in here and (self.source / file).exists()]
            if not here:
                return ()
            argv = [f"{_SEEN}/{KERNEL_DOC}", "-none", *(f"{_SEEN}/{file}" for file in here)]
            code, text = await self._run(argv, shown)
        return _unless_it_failed(KERNEL_DOC, code, text, said(text, str(_SEEN)))

    async def _run(self, argv: Sequence[str], shown: Mapping[Path, Path]) -> tuple[int, str]:
        """How it ends, and what it prints. TimeoutError is told as BuildError."""
        await bubblewrap.check()
        with self.store.scratch() as scratch:
            own, log = scratch / "own", scratch / "log"
            own.mkdir()
            sandbox = Sandbox((), {own: Path("/own")}, _BOUNDS, shown)
            env = {"PATH": "/usr/bin:/bin", "HOME": "/own", "LC_ALL": "C.UTF-8"}
            try:
                done = await sandbox.run(argv, env=env, log=log, timeout=SECONDS)
            except TimeoutError as error:
                raise BuildError(f"{Path(argv[0]).name} took over {SECONDS} s", kind="style") from error
            return done.code, log.read_text(errors="replace").partition("\n")[2]  # behind its own command line


def _unless_it_failed(script: str, code: int, text: str, found: tuple[Said, ...]) -> tuple[Said, ...]:
    """BuildError where it ends badly and names nothing: then it did not look."""
    if code and not found:
        last = (text.strip().splitlines() or [f"exit status {code}"])[-1]
        raise BuildError(f"{Path(script).name} did not run: {last}", kind="style")
    return found


def checkpatch(text: str, patch: str) -> tuple[Said, ...]:
    """Of what it prints; all of it are warnings here: none says that code is wrong. What is about the letter is of
    the patch's own name."""
    found = []
    for row in text.splitlines():
        if known := _SAID.match(row):
            mine = known["file"] and known["type"] not in ("MISSING_SIGN_OFF", "COMMIT_MESSAGE")
            place, line = (known["file"], int(known["line"] or 0)) if mine else (patch, 0)
            found.append(Said("warning", place, line, f"{known['level']}: {known['text']} ({known['type']})"))
    return tuple(dict.fromkeys(found))
