# SPDX-License-Identifier: GPL-2.0-or-later
"""Other configs and architectures that a patch must compile in: images/variants.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.arches import known as arches
from orchestrator.config import fragments
from orchestrator.errors import ConfigError
from orchestrator.model import Variant
from orchestrator.paths import IMAGES
from orchestrator.store import text_of

FILE = IMAGES / "variants.toml"
STANDARD = "standard"
QUICK, THOROUGH = "quick", "thorough"  # how many of them


class _Variant(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(pattern=r"^[\w.=+-][\w.=+ -]*$")]
    of: str
    kernel_arch: str = ""
    srcarch: str = ""
    cross_prefix: str = ""
    start: str = ""
    lines: list[str] = []
    make: list[str] = []
    program: str = ""
    thorough: bool = False


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    variant: list[_Variant]


def many(quick: bool, thorough: bool) -> str:
    """What the two options come to."""
    return THOROUGH if thorough else QUICK if quick else ""


def load(thorough: bool = False) -> tuple[Variant, ...]:
    """Those that are quick, or all. ConfigError for a file that says what is not understood."""
    try:
        declared = _File.model_validate(tomllib.loads(text_of(FILE)))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{FILE}: {error}") from error
    return tuple(_made(its) for its in declared.variant if thorough or not its.thorough)


def _made(its: _Variant) -> Variant:
    own = arches()[its.of]
    arch = replace(
        own,
        name=its.of if not its.kernel_arch else its.kernel_arch,
        kernel_arch=its.kernel_arch or own.kernel_arch,
        srcarch=its.srcarch or own.srcarch,
        cross_prefix=its.cross_prefix or own.cross_prefix,
    )
    lines = _started(its) if its.start else _standard(its.of, own.kconfig)
    return Variant(its.name, arch, (*lines, *its.lines), tuple(its.make), its.program)


def _started(its: _Variant) -> Sequence[str]:
    return (f"#: name {its.name}", f"#: start {its.start}")


def _standard(arch: str, more: Sequence[str]) -> Sequence[str]:
    """What is lost of it is no matter: it is about what remains."""
    lines = (*fragments.named(STANDARD, None, [arch]).lines[arch], *more)
    return [line if line.startswith("#:") or "wished" in line else f"{line}  #: wished" for line in lines]
