# SPDX-License-Identifier: GPL-2.0-or-later
"""SSH keys made for one run: the client's, and the host key that the guest proves itself with."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@dataclass(frozen=True)
class Keys:
    """client_pem and host_public are OpenSSH text; guest_files go into the guest: {path: (content, mode)}."""

    client_pem: str
    host_public: bytes
    guest_files: dict[str, tuple[bytes, int]]


def make() -> Keys:
    """New ed25519 keys for both sides."""
    client, host = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    pem = client.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    allowed = client.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    public = host.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    secret = host.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    files = {
        "root/.ssh/authorized_keys": (allowed + b"\n", 0o600),
        "etc/dropbear/host_key": (dropbear_key(secret, public), 0o600),
    }
    return Keys(pem, _string(b"ssh-ed25519") + _string(public), files)


def dropbear_key(secret: bytes, public: bytes) -> bytes:
    """Dropbear's own file format: the type's name, then seed and public key as one string."""
    return _string(b"ssh-ed25519") + _string(secret + public)


def host_key(public: bytes) -> paramiko.PKey:
    """To pin: the key that the guest must show."""
    return paramiko.Ed25519Key(data=public)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
