"""Everything that can go wrong in Hadron, each with what happened and what to do."""

from __future__ import annotations


class HadronError(Exception):
    """Base of every error that Hadron raises on purpose."""


class ConfigurationError(HadronError):
    """A setting is missing or unusable; the message names it and the remedy."""


class MalformedFrame(HadronError):  # noqa: N818 - "malformed frame" is the term people search for
    """A frame, or one message of it, that a normaliser cannot read.

    ``place`` says where in the frame the fault is (``msg.yes_bid_dollars``, ``[3].p``), so that
    dead letters with the same fault share a fingerprint.
    """

    def __init__(self, reason: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.reason = reason
        self.place = place


class StoreUnavailable(HadronError):  # noqa: N818
    """PostgreSQL cannot be reached or gave way for a moment; the same work may succeed later."""


class StoreNotReady(HadronError):  # noqa: N818
    """PostgreSQL answers but cannot store anything: no schema, an old one, or no permission."""


class StreamUnavailable(HadronError):  # noqa: N818
    """Redis cannot be reached or takes no more data; the same work may succeed later."""


class AuthenticationRefused(HadronError):  # noqa: N818
    """The exchange refused the credentials; trying again soon will not help."""


class GivenUp(HadronError):  # noqa: N818
    """It was tried for as long as that makes sense, and more attempts at once will not help."""
