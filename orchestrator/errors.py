# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors: each has an owner (status), an exit code and a hint for the person who reads it."""

from __future__ import annotations

from orchestrator.model import ABSENT, IDENTICAL, Failure, Status

EXIT_OK, EXIT_UNEXPECTED, EXIT_USAGE, EXIT_FAILED, EXIT_INFRA, EXIT_UNREACHED = range(6)
EXIT_INTERRUPTED = 130
_ORDER = (EXIT_INTERRUPTED, EXIT_USAGE, EXIT_INFRA, EXIT_FAILED, EXIT_UNEXPECTED, EXIT_UNREACHED, EXIT_OK)


def first(*codes: int) -> int:
    """Of several exit codes that hold, the one that is told."""
    return min(codes, key=_ORDER.index)


LONGEST = 16_000  # characters of a log excerpt


def printable(text: str) -> str:
    """Without control characters: a guest's or a compiler's text must not steer the reader's terminal."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())


class KmatrixError(Exception):
    """What happened (message), what to do next (hint), what was last seen (log)."""

    kind = "error"
    status = Status.INFRA_FAILED
    exit_code = EXIT_INFRA
    left_out = False  # no failure: there is a reason not to measure a cell, which is its kind

    def __init__(self, message: str, *, hint: str = "", log: str = "", kind: str | None = None):
        super().__init__(message)
        self.message, self.hint, self.log = printable(message), hint, printable(log)[-LONGEST:]
        self.kind = kind or self.kind

    @property
    def failure(self) -> Failure:
        """The record that goes into result files."""
        return Failure(self.kind, self.message, self.hint, self.log)


class ConfigError(KmatrixError):
    """The user's files or arguments are wrong; nothing was started."""

    kind = "config"
    exit_code = EXIT_USAGE


class InfraError(KmatrixError):
    """The testbed failed, not what it tests. The only kind that is retried."""

    kind = "infrastructure"


class ToolMissing(InfraError):
    """A program or package of the host is not there."""

    kind = "tool_missing"


class DiskFull(InfraError):
    """The host has no room left."""

    kind = "disk_full"


class BuildError(KmatrixError):
    """A patch does not apply, a config does not hold, a source does not compile."""

    kind = "compile"
    status = Status.BUILD_FAILED
    exit_code = EXIT_FAILED


class KernelBroke(KmatrixError):
    """The kernel under test panicked, oopsed or never became ready."""

    kind = "panic"
    status = Status.KERNEL_BROKE
    exit_code = EXIT_FAILED


class WorkloadFailed(KmatrixError):
    """The workload exited with an error or printed what is no result."""

    kind = "workload"
    status = Status.WORKLOAD_FAILED
    exit_code = EXIT_FAILED


class TimedOut(KmatrixError):
    """A deadline of the test passed and nothing said why."""

    kind = "timeout"
    status = Status.TIMED_OUT
    exit_code = EXIT_FAILED


class Identical(KmatrixError):
    """No failure: a kernel is the same as the one that it is compared with, so nothing is measured of it."""

    kind = IDENTICAL
    status = Status.SKIPPED
    exit_code = EXIT_OK
    left_out = True


class Absent(KmatrixError):
    """No failure: the kernel, the arch or the guest does not have what is to be measured. The message says what."""

    kind = ABSENT
    status = Status.SKIPPED
    exit_code = EXIT_OK
    left_out = True


class Interrupted(KmatrixError):
    """Ctrl-C, or a signal that ends us; every child has ended. The message says how to go on."""

    kind = "interrupted"
    exit_code = EXIT_INTERRUPTED
