"""How a connection to an exchange is opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hadron_tasks.errors import AuthenticationRefused
from streamer.conversation import Endpoint
from streamer.frame_socket import FrameSocket
from streamer.publisher import Publisher

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
PING_EVERY_S = 10.0
"""Our own pings, so that a quiet feed (a closed stock market) is told from a dead connection."""
MAX_FRAME_BYTES = 16 * 1024**2
_REFUSED_STATUS = (401, 403)


async def open_socket(
    endpoint: Endpoint, publisher: Publisher, take: Callable[[bytes], None], stale_after_s: float
) -> FrameSocket:
    """Connect, with the endpoint's credentials in the handshake.

    Args:
        endpoint: Where, and with which key.
        publisher: While it is full, the socket is not read.
        take: Called with each frame.
        stale_after_s: How long a ping of ours may go without its pong.

    Raises:
        AuthenticationRefused: The exchange refused the credentials.
        OSError, WebSocketException: There is no connection to be had now.
    """
    try:
        socket = await connect(
            endpoint.address,
            create_connection=partial(FrameSocket, take=take, sink=publisher),  # type: ignore[arg-type]
            additional_headers=endpoint.headers(),
            compression=None,
            max_size=MAX_FRAME_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=stale_after_s,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        if status in _REFUSED_STATUS:
            raise AuthenticationRefused(f"HTTP {status} at the handshake") from error
        raise
    assert isinstance(socket, FrameSocket)
    return socket
