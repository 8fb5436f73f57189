"""``python -m hadron_tasks.metrics``: the same as ``hadron metrics serve``."""

from __future__ import annotations

from hadron_tasks.cli.metrics import serve_command

if __name__ == "__main__":
    serve_command()
