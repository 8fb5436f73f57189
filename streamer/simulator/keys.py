"""The simulated exchange's API keys: made once in a data directory, then found there."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hadron_tasks.venues.kalshi.signing import load_private_key

KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class SimulatedKey:
    """One Kalshi API key of the simulated exchange, which knows only its public half."""

    slot: int
    key_id: str
    private_key_path: Path
    public_key: rsa.RSAPublicKey

    @property
    def name(self) -> str:
        """What the ledger calls connections with this key."""
        return f"kalshi-{self.slot}"


def ensure_keys(directory: Path, count: int) -> tuple[SimulatedKey, ...]:
    """The keys of slots 1 to ``count``, made where missing (PKCS#8 PEM, mode 600).

    Raises:
        ConfigurationError: A file that is there holds no usable RSA key.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return tuple(_ensure_key(directory / f"kalshi-{n}.pem", n) for n in range(1, count + 1))


def _ensure_key(path: Path, slot: int) -> SimulatedKey:
    if not path.exists():
        _make_key(path)
    public_key = load_private_key(path, f"KALSHI_PRIVATE_KEY_{slot}_PATH").public_key()
    der = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # Derived from the key, so that a new key file cannot be mistaken for the one before it.
    key_id = f"simulated-{slot}-{hashlib.sha256(der).hexdigest()[:12]}"
    return SimulatedKey(slot, key_id, path, public_key)


def _make_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    unfinished.replace(path)
