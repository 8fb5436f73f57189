"""Logging never brings down who logs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LOGS = """
import logging, structlog
from hadron_tasks.logs import configure_logging
from hadron_tasks.settings import get_settings
configure_logging(get_settings())
structlog.get_logger().warning("the disk is full")
logging.getLogger("library").warning("so it is")
print("alive")
"""
NO_ROOM = Path("/dev/full")


@pytest.mark.skipif(not NO_ROOM.exists(), reason="there is no device without room here")
def test_a_log_on_a_full_disk_stops_nobody() -> None:
    with NO_ROOM.open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-c", LOGS], stdout=subprocess.PIPE, stderr=log, check=False
        )
    assert (done.stdout, done.returncode) == (b"alive\n", 0)
