# SPDX-License-Identifier: GPL-2.0-or-later
"""The shape of matrix.yaml, as pydantic models; what the names in it mean is config's matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator

from orchestrator.config import sources
from orchestrator.model import Clock

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    """No unknown keys."""

    model_config = ConfigDict(extra="forbid")


class _Source(Strict):
    @field_validator("*", mode="before")
    @classmethod
    def words(cls, given: Any) -> Any:
        """[a, b] is "a b"."""
        return " ".join(given) if isinstance(given, list) and all(isinstance(it, str) for it in given) else given

    @model_validator(mode="after")
    def one_kind(self) -> _Source:
        """Refuse none and more than one, and keys that do not go together."""
        sources.given_kind(self.model_dump())
        return self


def _source_spec() -> type[_Source]:
    """A key for each that any kind of source takes."""
    keys: dict[str, Any] = {key: (str | None, None) for kind in sources.known().values() for key in kind.keys}
    return create_model("SourceSpec", __base__=_Source, **keys)


if TYPE_CHECKING:
    SourceSpec = _Source
else:
    SourceSpec = _source_spec()


class KernelSpec(Strict):
    """One variant."""

    source: str
    patches: list[str] = []
    config: str = ""  # "": the matrix's
    kconfig: list[str] = []


class MeasureSpec(Strict):
    """How each cell is measured."""

    boots: Count = 2
    passes: Count = 2
    warmup: Annotated[int, Field(ge=0)] = 1
    clock: Clock = Clock.ICOUNT
    accel: Literal["auto", "tcg", "kvm"] = "auto"
    memory_mib: Annotated[int, Field(ge=128)] = 1024
    cpus: Count = 1
    retries: Annotated[int, Field(ge=0)] = 1
    snapshots: bool = True

    @model_validator(mode="after")
    def possible(self) -> MeasureSpec:
        """The instruction clock exists under TCG only, on one thread."""
        if self.clock is Clock.ICOUNT and self.accel == "kvm":
            raise ValueError("clock icount needs TCG: choose accel auto or tcg, or clock wall")
        return self


class CpuSpec(Strict):
    """QEMU's CPU model of an arch, by accelerator. A word alone is that of emulation."""

    tcg: Annotated[str, Field(min_length=1)] | None = None
    kvm: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def word(cls, given: Any) -> Any:
        """neoverse-n1 is {tcg: neoverse-n1}."""
        return {"tcg": given} if isinstance(given, str) else given


class LimitsSpec(Strict):
    """Deadlines in seconds, and room."""

    build: Positive = 3600
    ready: Positive = 120
    work: Positive = 600
    stop: Positive = 10
    disk_gib: Positive = 8


class CompareSpec(Strict):
    """Two kernels, by name."""

    base: str
    new: str


class ClaimSpec(Strict):
    """One claim that the matrix answers."""

    text: str
    same_as: list[str] = []
    arches: list[str] = []
    beyond: str = ""


class KeepSpec(Strict):
    """What nights leave behind, at most."""

    runs: Count = 30
    days: Positive = 60
    cache_gib: Positive | None = None  # where cache_gib was before it held for every verb


class NightlySpec(Strict):
    """What `kmatrix nightly` does: whose kernels, and for how long at most."""

    sources: list[str] = []
    budget: Annotated[str, Field(pattern=r"^\d+(\.\d+)?[smh]$")] = "2h"
    keep: KeepSpec = KeepSpec()


class MatrixSpec(Strict):
    """matrix.yaml."""

    arches: list[str]
    workloads: list[str]
    sources: dict[str, SourceSpec]
    kernels: dict[str, KernelSpec]
    compare: list[CompareSpec] = []
    measure: MeasureSpec = MeasureSpec()
    cpu: dict[str, CpuSpec] = {}  # by arch; where it is silent, the arch's own
    qemu: str = ""  # a folder with emulators; "": those that are installed
    limits: LimitsSpec = LimitsSpec()
    judge: list[str] | None = None  # in copies of older runs: workloads whose expectations count
    config: str = ""  # a shipped config, or a file with {arch} in its name; "": matrix_file.USUAL
    kconfig: list[str] = []
    cache_gib: Positive | None = None
    ccache_gib: Count = 5
    claims: dict[str, ClaimSpec] = {}
    nightly: NightlySpec = NightlySpec()
    presets: dict[str, dict[str, Any]] = {}  # keys of this file that are replaced; of tables, their entries
