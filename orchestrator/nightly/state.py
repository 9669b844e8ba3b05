# SPDX-License-Identifier: GPL-2.0-or-later
"""What a night must know of those before, on disk: it survives kmatrix, and the machine, going down at any time."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from orchestrator.errors import ConfigError
from orchestrator.store import digest, of_user, write_atomically

Parts = dict[str, str]  # {what, as a reader names it: which one}: changes.parts()


@dataclass
class Done:
    """A cell's newest result: of what, in which run folder, and how it ended."""

    parts: Parts
    run: str
    status: str
    when: float


@dataclass
class Current:
    """A night under way: its run folder, what its cells are made of, why they are measured, commits of git trees,
    seconds used so far."""

    run: str
    cells: dict[str, Parts]
    why: dict[str, str]
    pins: dict[str, str]
    spent: float = 0.0


@dataclass
class State:
    """state.json. first: cells that the budget left out, or that the testbed failed: they come first next time."""

    schema: int = 1
    cells: dict[str, Done] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)
    current: Current | None = None


@dataclass(frozen=True)
class Place:
    """The folder of one matrix file's nights: state.json, runs/, .lock."""

    path: Path

    @property
    def runs(self) -> Path:
        """A run folder a night."""
        return self.path / "runs"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Never twice at once; the lock goes with the process."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(f"another kmatrix nightly works in {self.path}", hint="wait for its end") from error
            yield

    def load(self) -> State:
        """An empty one at first. ConfigError for a file that is none: nothing is guessed."""
        path = self.path / "state.json"
        try:
            return TypeAdapter(State).validate_json(path.read_bytes())
        except FileNotFoundError:
            return State()
        except ValidationError as error:
            raise ConfigError(f"{path} is damaged", hint="move it away: all cells are measured anew then") from error

    def save(self, state: State) -> None:
        """Whole, or as it was."""
        write_atomically(self.path / "state.json", json.dumps(asdict(state), indent=1) + "\n")


def usual(config: Path, preset: str) -> Path:
    """In the user's state folder, by matrix file and preset."""
    state = of_user("XDG_STATE_HOME", ".local/state", "name a folder with --state")
    return state / "kmatrix/nightly" / nights(config, preset)


def nights(config: Path, preset: str) -> str:
    """Whose nights they are; of another matrix file's, cells may have the same ids."""
    return f"{config.stem}-{digest(str(config.resolve()), preset)[:8]}"
