"""Refusing good credentials on demand, as when a key was revoked, and being away altogether."""

from __future__ import annotations

import time


class Refusals:
    """How many of the next handshakes to refuse, and until when to refuse all."""

    def __init__(self) -> None:
        self._count = 0
        self._until = 0.0
        self._away_until = 0.0

    def turn_away(self, seconds: float) -> None:
        """Let nobody in for ``seconds`` from now, whatever the key."""
        self._away_until = max(self._away_until, time.monotonic() + seconds)

    @property
    def is_away(self) -> bool:
        """Whether nobody is let in."""
        return time.monotonic() < self._away_until

    def refuse(self, *, count: int = 0, seconds: float = 0.0) -> None:
        """Refuse the next ``count`` handshakes and, besides, all for ``seconds`` from now."""
        self._count += count
        self._until = max(self._until, time.monotonic() + seconds)

    def refuse_one(self) -> bool:
        """Whether to refuse the handshake at hand, which is counted."""
        if time.monotonic() < self._until:
            return True
        if self._count > 0:
            self._count -= 1
            return True
        return False

    def clear(self) -> None:
        """Refuse nothing any more."""
        self._away_until = 0.0
        self._count = 0
        self._until = 0.0
