"""A supervisor that is killed leaves nothing behind; the next one goes on, and ends by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from fleet.terminal import HADRON, Terminal

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.local.lifeline import sole_user_of

pytestmark = pytest.mark.fleet


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_killed_supervisor_takes_its_fleet_with_it_and_the_next_accounts_for_everything(
    terminal: Terminal,
) -> None:
    terminal.start()
    terminal.wait_until_flowing()
    assert terminal.up is not None
    children = psutil.Process(terminal.up.pid).children(recursive=True)
    assert len(children) > 8
    os.kill(terminal.up.pid, signal.SIGKILL)
    terminal.up.communicate()
    _, alive = psutil.wait_procs(children, timeout=120)
    assert [one.cmdline() for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []

    terminal.start("--for", "8")
    code, output = terminal.end()
    assert code == 0, output
    assert "kalshi: no API key is set, so a SIMULATED exchange stands in." in output
    assert "Every message is accounted for." in output
    assert not (terminal.directory / ".hadron" / "fleet.json").exists()


def test_a_second_fleet_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    with sole_user_of(tmp_path):
        done = subprocess.run(
            [HADRON, "up", "--data-dir", str(tmp_path)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 2
        assert f"process {os.getpid()}" in done.stderr
    with sole_user_of(tmp_path):
        pass


def test_the_directory_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), sole_user_of(tmp_path):
        raise ZeroDivisionError
    with sole_user_of(tmp_path), pytest.raises(ConfigurationError), sole_user_of(tmp_path):
        pass
