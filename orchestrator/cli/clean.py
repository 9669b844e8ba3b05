# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that says what the cache holds, and removes it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.errors import ConfigError
from orchestrator.registry import pick
from orchestrator.store import APART, ARTIFACTS, Store, cache_root


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(clean)


def clean(
    kinds: Annotated[list[str] | None, typer.Argument(help="What to remove: a kind from the list, or all.")] = None,
) -> None:
    """List what the cache holds, or remove kinds of it. Runs are not touched.

    Example: kmatrix clean trees ccache
    """
    root = cache_root()
    folders = {name: root / name for name in sorted((*ARTIFACTS, *APART)) if (root / name).is_dir()}
    console = Console()
    if not kinds:
        for name, path in folders.items():
            console.print(f"{_mib(path):8.0f} MiB  {name}", highlight=False)
        console.print(f"in {root}; remove with: kmatrix clean KIND... or kmatrix clean all", soft_wrap=True)
        return
    chosen = list(folders) if "all" in kinds else kinds
    with Store().alone() as nobody_else:
        if not nobody_else:
            raise ConfigError("another kmatrix is at work with the cache", hint="wait for its end, or interrupt it")
        for old in root.glob(".trash-*"):
            shutil.rmtree(old, ignore_errors=True)
        for path in [pick("kind", kind, folders) for kind in chosen]:
            Store().discard(path)
            console.print(f"removed {path}", soft_wrap=True)


def _mib(folder: Path) -> float:
    """Disk space; a file with several names counts once."""
    seen = {(s.st_dev, s.st_ino): s.st_blocks for p in folder.rglob("*") if (s := p.lstat())}
    return sum(seen.values()) * 512 / 2**20
