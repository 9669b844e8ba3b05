# SPDX-License-Identifier: GPL-2.0-or-later
"""A commit of a git tree on this machine."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from orchestrator import proc
from orchestrator.build import commits
from orchestrator.build.sources import must
from orchestrator.config.sources import BASE, Buildable, Files
from orchestrator.errors import ConfigError, InfraError, KmatrixError
from orchestrator.model import Source
from orchestrator.store import Store

FETCH = 600.0  # seconds
NEWEST = "HEAD"


class Git(Buildable):
    """location: the tree's path; revision: whatever git takes for a commit; options: refs, where an author's base is
    looked for, in order."""

    keys: Mapping[str, str | None] = {"git": None, "revision": NEWEST, "refs": ""}

    def parse(self, name: str, given: Mapping[str, str], files: Files) -> Source:
        """The tree must be there; which commit it is, is asked when it is needed."""
        options = {"refs": given["refs"]} if given.get("refs") else {}
        return Source(name, "git", str(files.existing("git", given["git"])), given["revision"], options)

    def describe(self, source: Source) -> dict[str, str]:
        """Tree and revision, and refs where they were given."""
        revision = {"revision": source.revision} if source.revision else {}
        return {"git": source.location, **revision, **source.options}

    def mention(self, source: Source) -> str:
        """linux@v6.1: the tree's name and the revision."""
        return f"{Path(source.location).name}@{source.revision or NEWEST}"

    def at_path(self, place: Path, revision: str) -> Source | None:
        """Any folder; git says later whether it is a tree."""
        return Source(BASE, "git", str(place), revision or NEWEST) if place.is_dir() else None

    async def at_commit(self, source: Source, commit: str) -> Source | None:
        """Where the tree has it, on whichever branch."""
        done = await proc.run(["git", "-C", source.location, "cat-file", "-e", f"{commit}^{{commit}}"])
        return replace(source, revision=commit) if done.code == 0 else None

    async def at_files(self, source: Source, files: Mapping[str, str], tree: str) -> tuple[Source, str] | None:
        """Refs of the tree's name first, then those of the matrix file, or the usual ones."""
        given = source.options.get("refs", "").split()
        first = [tree] if tree and (not given or tree in given) else []
        order = [*first, *(name for name in given or commits.USUAL if name != tree)]
        found = await commits.newest(source.location, files, order, source.revision or NEWEST, bool(given))
        return (replace(source, revision=found.commit), f"{found.commit[:12]} of {found.ref}") if found else None

    async def file_ids(self, source: Source, files: Collection[str]) -> dict[str, str]:
        """As git has them: nothing is unpacked."""
        return await commits.ids(source.location, source.revision or NEWEST, files)

    async def locate(self, store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
        """The whole tree, whichever folder of it was named."""
        words = ["git", "-C", source.location, "rev-parse"]
        done = await proc.run([*words, f"{source.revision}^{{commit}}"], apart=True)
        if done.code:
            raise ConfigError(f"{source.location} has no revision {source.revision}", log=done.said)
        top = await proc.run([*words, "--show-toplevel"], apart=True)  # none of a bare one
        return Path(source.location if top.code else top.output.strip()), f"git:{done.output.strip()}"

    async def unpack(self, archive: Path, identity: str, folder: Path) -> None:
        """Only what is committed."""
        tar = folder / ".source.tar"
        await must(["git", "-C", str(archive), "archive", "-o", str(tar), identity.removeprefix("git:")])
        await must(["tar", "-xf", str(tar), "-C", str(folder)])
        tar.unlink()

    async def refresh(self, store: Store, source: Source) -> str:
        """Fetch from all remotes; no branch of the user's is moved."""
        try:
            if (await _git(source, "remote")).strip():
                await _git(source, "fetch", "--quiet", "--all")
        except (KmatrixError, TimeoutError) as error:
            return f"{source.name}: not fetched, measured as it is here ({error or 'it took too long'})"
        return ""

    def pin(self, source: Source, identity: str) -> Source:
        """At the commit, wherever a branch is by now."""
        kind, _, commit = identity.partition(":")
        return replace(source, revision=commit) if kind == "git" else source


async def _git(source: Source, *arguments: str) -> str:
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}  # nobody is there to answer at night
    done = await proc.run(["git", "-C", source.location, *arguments], env=env, timeout=FETCH, apart=True)
    if done.code:
        said = [line for line in done.said.splitlines() if line.startswith(("fatal:", "error:"))]
        raise InfraError(f"git {arguments[0]}: {said[0] if said else done.code}", kind="fetch")
    return done.output


SOURCE = Git()
