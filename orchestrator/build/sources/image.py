# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that the user built: files whose paths may contain {arch}."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.config.sources import Files, Ready
from orchestrator.errors import BuildError
from orchestrator.model import Source


class Image(Ready):
    """location: the image's path; options: system_map, the path of its System.map."""

    keys: Mapping[str, str | None] = {"image": None, "system_map": None}

    def parse(self, name: str, given: Mapping[str, str], files: Files) -> Source:
        """Whether they are there is seen where they are needed: by then the arch is known."""
        image, symbols = (str(files.absolute(given[key])) for key in ("image", "system_map"))
        return Source(name, "image", image, options={"system_map": symbols})

    def describe(self, source: Source) -> dict[str, str]:
        """Both paths."""
        return {"image": source.location, "system_map": source.options["system_map"]}

    def image(self, source: Source, arch: str) -> tuple[Path, Path]:
        """BuildError where either is not there."""
        found = tuple(Path(text.format(arch=arch)) for text in (source.location, source.options["system_map"]))
        for path in found:
            if not path.is_file():
                raise BuildError(f"no such file: {path}", kind="source", hint="{arch} in the path is replaced")
        return found[0], found[1]


SOURCE = Image()
