"""Child processes that end with their parent, and a directory that only one fleet uses.

A supervisor that is killed cannot stop anything. Without this its Redis would go on writing to
the data directory while the next supervisor starts another one on the same files.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hadron_tasks.errors import ConfigurationError

_PR_SET_PDEATHSIG = 1


def ends_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """For ``Popen``'s ``preexec_fn``: the child gets ``how`` when its parent dies.

    The parent is, to Linux, the thread that starts the child: start it from one that lives as long
    as the process. Elsewhere there is no such signal; None, and a killed supervisor leaves its
    children running.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def ask_for_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(how))
        if os.getppid() != parent:  # it died while we were being started
            os.kill(os.getpid(), how)

    return ask_for_signal


@contextmanager
def sole_user_of(directory: Path) -> Iterator[None]:
    """Hold a directory for this process while the body runs.

    Raises:
        ConfigurationError: Another process holds it; names the process.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigurationError(
                f"A fleet already runs in {directory} (process {lock.read().strip()}). "
                "Stop it with Ctrl-C, or give this one another --data-dir."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
