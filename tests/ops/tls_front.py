"""TLS in front of a Redis and a PostgreSQL that speak none, with certificates of one's own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What a PostgreSQL client says first: may I speak TLS?"""

Reach = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Authority:
    """A certificate authority of one's own, and a server's certificate for 127.0.0.1 by it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.certificate = directory / "ca.pem"
        key, name = ec.generate_private_key(ec.SECP256R1()), _name("Test authority")
        authority = _certificate(name, name, key.public_key(), key, is_authority=True)
        self.certificate.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = _certificate(_name("server"), name, server_key.public_key(), key)
        chain = directory / "server.pem"
        chain.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + server.public_bytes(serialization.Encoding.PEM)
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain)


class TlsFront:
    """Listens on 127.0.0.1, ends TLS, and passes everything on."""

    def __init__(self, context: ssl.SSLContext, reach: Reach, *, asks_first: bool = False) -> None:
        self._context, self._reach, self._asks_first = context, reach, asks_first
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.refused = 0
        """Connections that did not come to speak TLS."""
        self.port: int = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._asks_first:
                if await reader.readexactly(len(_SSL_REQUEST)) != _SSL_REQUEST:
                    raise ConnectionError("no TLS was asked for")
                writer.write(b"S")
                await writer.drain()
            await writer.start_tls(self._context)
        except (OSError, asyncio.IncompleteReadError):
            self.refused += 1
            writer.close()
            return
        far_reader, far_writer = await self._reach()
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # either end may leave as it likes
    finally:
        writer.close()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signed_by: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        address = x509.IPAddress(IPv4Address("127.0.0.1"))
        made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return made.sign(signed_by, hashes.SHA256())
