"""Splitting two concatenated codes (``TORCHA``) against the codes of one league."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hadron_tasks.tickers.codebook import unknown_team
from hadron_tasks.tickers.parsed import Team

SHORTEST_CODE, LONGEST_CODE = 2, 5


class Split(NamedTuple):
    """The two sides, or why there are none."""

    sides: tuple[Team, Team] | None
    problem: str | None = None


def split_codes(text: str, teams: Mapping[str, Team], outcome_code: str | None) -> Split:
    """Split ``text`` into two codes of the league.

    ``outcome_code`` is the code of the market's own outcome (``TOR`` of ``...TORCHA-TOR``), which
    settles a split that the dictionary leaves open; None where the ticker has none, or a tie.
    Two readings that both stand are reported, not chosen from.
    """
    found = [
        (teams[text[:cut]], teams[text[cut:]])
        for cut in _cuts(text)
        if text[:cut] in teams and text[cut:] in teams
    ]
    if len(found) > 1 and outcome_code is not None:
        found = [pair for pair in found if outcome_code in (pair[0].code, pair[1].code)] or found
    if len(found) == 1:
        return Split(found[0])
    if found:
        readings = " or ".join(f"{left.code}+{right.code}" for left, right in found)
        return Split(None, f"the teams {text} are ambiguous: {readings}")
    return _by_outcome(text, teams, outcome_code) or _by_one_known(text, teams)


def split_evenly(text: str, outcome_code: str | None) -> Split:
    """Split two players' or fighters' codes: by the outcome, else three letters each, or pairs."""
    split = _by_outcome(text, {}, outcome_code)
    if split is not None:
        return split
    if len(text) in (6, 12):
        half = len(text) // 2
        return Split((unknown_team(text[:half]), unknown_team(text[half:])))
    return Split(None, f"the two names in {text} cannot be told apart")


def _cuts(text: str) -> range:
    return range(max(SHORTEST_CODE, len(text) - LONGEST_CODE), min(LONGEST_CODE, len(text) - 2) + 1)


def _by_outcome(text: str, teams: Mapping[str, Team], code: str | None) -> Split | None:
    if not code or len(code) >= len(text):
        return None
    if text.startswith(code):
        left, right = code, text[len(code) :]
    elif text.endswith(code):
        left, right = text[: -len(code)], code
    else:
        return None
    if teams and min(len(left), len(right)) < SHORTEST_CODE:
        return None
    return Split((teams.get(left) or unknown_team(left), teams.get(right) or unknown_team(right)))


def _by_one_known(text: str, teams: Mapping[str, Team]) -> Split:
    halves: list[tuple[Team, Team]] = []
    for cut in _cuts(text):
        left, right = teams.get(text[:cut]), teams.get(text[cut:])
        if left is not None or right is not None:
            halves.append((left or unknown_team(text[:cut]), right or unknown_team(text[cut:])))
    if len(halves) == 1:
        known, other = sorted(halves[0], key=lambda team: not team.known)
        return Split(halves[0], f"of {text} only {known.code} is a known code, {other.code} is not")
    if halves:
        readings = " or ".join(f"{left.code}+{right.code}" for left, right in halves)
        return Split(None, f"the teams {text} are ambiguous: {readings}")
    return Split(None, f"no known team in {text}")
