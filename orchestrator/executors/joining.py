# SPDX-License-Identifier: GPL-2.0-or-later
"""The file by which machines join a cluster: where its scheduler is, everybody's certificate and key, the store."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator.errors import ConfigError, ToolMissing
from orchestrator.store import text_of


@dataclass(frozen=True)
class Join:
    """certificate, key: PEM, "" without TLS, which is for loopback alone. store: a URL, "" where machines have one
    folder."""

    address: str
    certificate: str = ""
    key: str = ""
    store: str = ""

    def save(self, path: Path) -> None:
        """For its owner alone: whoever has it can have anything done by the workers."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps(asdict(self), indent=1) + "\n")
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Join:
        """ConfigError for what is none."""
        try:
            data = json.loads(text_of(path, "kmatrix scheduler writes it"))
            its = cls(**data)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{path} is no file to join by: {error}", hint="kmatrix scheduler writes it") from error
        if not its.certificate and not loopback(urlsplit(its.address).hostname or ""):
            raise ConfigError(f"{path}: {its.address} is not on loopback, and has no TLS: refused")
        return its

    def security(self) -> Any:
        """For dask."""
        distributed = dask()
        if not self.certificate:
            return None
        both = {"cert": self.certificate, "key": self.key}
        roles = {
            f"tls_{role}_{what}": text for role in ("scheduler", "worker", "client") for what, text in both.items()
        }
        return distributed.Security(tls_ca_file=self.certificate, require_encryption=True, **roles)


def dask() -> Any:
    """The library, with the settings that hold for all of ours. ToolMissing where it is not installed."""
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ToolMissing("dask.distributed is not installed", hint="pip install 'kmatrix[dask]'") from error
    dask.config.set(
        {
            "distributed.scheduler.allowed-failures": 5,  # workers that die with a step
            "distributed.scheduler.work-stealing": True,
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.terminate": False,
            "distributed.worker.profile.enabled": False,
            "distributed.comm.timeouts.connect": "20s",
            "distributed.admin.tick.limit": "1h",
            # How often each process looks after itself: as shipped, that is 2 % of a processor.
            "distributed.admin.tick.interval": "2s",
            "distributed.admin.system-monitor.interval": "5s",
        }
    )
    return distributed


def days_left(certificate: str) -> float:
    """For which it is taken; 0 of none."""
    if not certificate:
        return 0
    from cryptography import x509

    try:
        end = x509.load_pem_x509_certificate(certificate.encode()).not_valid_after
    except ValueError:
        return 0
    return (end - datetime.now(UTC).replace(tzinfo=None)).total_seconds() / 86_400


def new_keys() -> tuple[str, str]:
    """A certificate and its key, made now."""
    its = dask().Security.temporary()
    return str(its.tls_ca_file), str(its.tls_client_key)


def loopback(host: str) -> bool:
    """Is it this machine, as nobody else reaches it?"""
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(row[4][0]).is_loopback for row in found)
