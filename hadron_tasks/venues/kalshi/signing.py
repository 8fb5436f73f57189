"""Kalshi's request signature, and the loading of the private keys that make it.

Protocol: RSA-PSS over ``{timestamp_ms}{METHOD}{path}`` with SHA-256, MGF1 of SHA-256 and a salt
as long as the digest; the path has its ``/trade-api/...`` prefix and no query string (Kalshi,
API Keys, "Signing a request").
"""

from __future__ import annotations

import base64
import time
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import KalshiKeyRef

KEY_HEADER = "KALSHI-ACCESS-KEY"
TIMESTAMP_HEADER = "KALSHI-ACCESS-TIMESTAMP"
SIGNATURE_HEADER = "KALSHI-ACCESS-SIGNATURE"

_SHA256 = hashes.SHA256()
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=padding.PSS.DIGEST_LENGTH)


class KalshiSigner:
    """Signs requests with one API key. Its repr names the key's slot, never the key."""

    def __init__(self, name: str, key_id: str, private_key: rsa.RSAPrivateKey) -> None:
        self.name = name
        self._key_id = key_id
        self._private_key = private_key

    def __repr__(self) -> str:
        return f"KalshiSigner({self.name})"

    @classmethod
    def load(cls, ref: KalshiKeyRef) -> KalshiSigner:
        """Read the private key of ``ref``.

        Raises:
            ConfigurationError: The file is missing, unreadable, not PEM, has a passphrase or
                holds no RSA key; names the variable and the remedy.
        """
        private_key = load_private_key(ref.private_key_path, ref.path_variable)
        return cls(ref.name, ref.key_id, private_key)

    def headers(self, method: str, path: str, timestamp_ms: int | None = None) -> dict[str, str]:
        """The three headers of a signed request.

        Args:
            method: ``GET``, in capitals.
            path: With its ``/trade-api/...`` prefix; a query string is cut off.
            timestamp_ms: Unix milliseconds; now when left out.
        """
        timestamp = str(time.time_ns() // 1_000_000 if timestamp_ms is None else timestamp_ms)
        signature = self._private_key.sign(_signed_text(timestamp, method, path), _PSS, _SHA256)
        return {
            KEY_HEADER: self._key_id,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: base64.b64encode(signature).decode("ascii"),
        }


def verify_signature(
    public_key: rsa.RSAPublicKey, signature: str, timestamp: str, method: str, path: str
) -> bool:
    """Whether ``signature`` (base64) is the key's signature of that request."""
    try:
        raw = base64.b64decode(signature, validate=True)
        public_key.verify(raw, _signed_text(timestamp, method, path), _PSS, _SHA256)
    except (InvalidSignature, ValueError):
        return False
    return True


def load_private_key(path: Path, variable: str) -> rsa.RSAPrivateKey:
    """Read an unencrypted RSA private key, PKCS#1 or PKCS#8.

    Args:
        path: The PEM file.
        variable: The environment variable that named it, for the error.

    Raises:
        ConfigurationError: It cannot be used; says why and what to do.
    """
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{variable} names {path}, which does not exist. "
            "Put the PEM file that Kalshi gave you there, or correct the path."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{variable} names {path}, which cannot be read ({error.strerror}). "
            "Make it a file that this user may read (chmod 600, same owner)."
        ) from None
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise ConfigurationError(
            f"{variable} names {path}, which is protected by a passphrase. Remove it with "
            f"'openssl rsa -in {path.name} -out unprotected.pem' and name that file."
        ) from None
    except Exception:  # noqa: BLE001 - the library raises several types for text that is no key
        raise ConfigurationError(
            f"{variable} names {path}, which is no PEM private key. It should begin with "
            "'-----BEGIN PRIVATE KEY-----' or '-----BEGIN RSA PRIVATE KEY-----'."
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(
            f"{variable} names {path}, which holds a {type(key).__name__.lstrip('_')}, "
            "but Kalshi's API keys are RSA. Create an API key on Kalshi and use its file."
        )
    return key


def _signed_text(timestamp: str, method: str, path: str) -> bytes:
    return f"{timestamp}{method}{path.partition('?')[0]}".encode()
