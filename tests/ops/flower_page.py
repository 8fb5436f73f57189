"""Flower's pages: what they are filled with, and, where there is a browser, what a person sees."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request
from typing import Any

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PAGE_IS_FILLED_MS = 8000
"""Of the browser's own time: pages fetch their tables after they are loaded."""

TASKS_ASKED_FOR = {
    "draw": "1",
    "start": "0",
    "length": "200",
    "columns[0][data]": "received",
    "order[0][column]": "0",
    "order[0][dir]": "desc",
    "search[value]": "",
}


def browser() -> str | None:
    """A Chromium, if this machine has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def ask(url: str, login: str = "") -> str:
    headers = (
        {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    )
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as reply:
        return str(reply.read().decode())


def newest_tasks(flower: str, login: str) -> tuple[int, list[dict[str, Any]]]:
    """How many tasks Flower knows, and the newest of them.

    Left out are those that were on their way to a worker before Flower listened: of these it heard
    no more than how they ended, and neither name nor arguments are told with that.
    """
    asked = urllib.parse.urlencode(TASKS_ASKED_FOR)
    answer = json.loads(ask(f"{flower}tasks/datatable?{asked}", login))
    return answer["recordsTotal"], [task for task in answer["data"] if task["received"]]


def seen(program: str, url: str, login: str) -> str:
    """The words of a page once its scripts have run; none while it is not shown in a minute."""
    user, _, password = login.partition(":")
    at = url.replace("http://", f"http://{user}:{urllib.parse.quote(password)}@")
    with tempfile.TemporaryDirectory(prefix="hadron-browser-") as profile:
        try:
            page = subprocess.run(
                [
                    *(program, "--headless", "--no-sandbox", "--disable-gpu"),
                    *("--disable-dev-shm-usage", f"--user-data-dir={profile}"),
                    *(f"--virtual-time-budget={PAGE_IS_FILLED_MS}", "--dump-dom", at),
                ],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            ).stdout
        except subprocess.TimeoutExpired:
            return ""
    words = re.sub(r"</?span[^>]*>", "", page)  # a long name is two of these
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", words))
