"""How long it takes to find an instrument among very many by its words."""

from __future__ import annotations

import time

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.bench.measure import Bound, Figure, Report
from hadron_tasks.bench.plan import Plan
from hadron_tasks.bench.services import Services
from hadron_tasks.store.search import search_instruments

AT_MOST_MS = 50.0
LIMIT = 20
A_STATEMENT = 100_000
A_QUESTION = 5
"""Times each is asked in a round; the middle one counts."""

TEAMS = [
    *("atlanta hawks", "boston celtics", "brooklyn nets", "charlotte hornets", "chicago bulls"),
    *("dallas mavericks", "denver nuggets", "detroit pistons", "golden state warriors"),
    *("houston rockets", "indiana pacers", "los angeles lakers", "memphis grizzlies"),
    *("miami heat", "milwaukee bucks", "new york knicks", "orlando magic", "phoenix suns"),
    *("portland trail blazers", "sacramento kings", "toronto raptors", "utah jazz"),
]
CITIES = ["austin", "boston", "chicago", "denver", "las vegas", "miami", "new york", "seattle"]
FIRST = ["alexandria", "carlos", "devin", "jalen", "jayson", "kevin", "lebron", "luka", "nikola"]
LAST = [
    *("alcaraz", "booker", "brunson", "cortez", "curry", "davis", "doncic", "durant", "edwards"),
    *("embiid", "haliburton", "harden", "irving", "james", "jokic", "lillard", "maxey", "morant"),
]
COINS = ["bitcoin", "dogecoin", "ethereum", "solana", "xrp"]

QUESTIONS = {
    "a team": "boston celtics",
    "a person": "luka doncic",
    "a city": "austin",
    "a very common word": "price",
    "a series, half typed": "kxnba",
    "one letter": "b",
    "four words": "new york knicks points",
    "nothing there": "zanzibar",
}
"""Worst cases among them: what very many have, and what none has."""

# A tenth is open. What a number means is spread by its digits, so that words meet by chance.
_FILL = """
    INSERT INTO instruments (ticker, asset_class, primary_source, venue, name, status, close_time,
                             keywords)
    SELECT ticker, 'other', 'kalshi', 'kalshi', ticker,
           CASE n %% 10 WHEN 0 THEN 'active' ELSE 'finalized' END,
           CASE n %% 10 WHEN 0 THEN now() + (dice %% 5000000) * interval '1 second'
                        ELSE now() - (dice %% 86400000) * interval '1 second' END,
           lower(replace(ticker, '-', ' ')) || ' ' || words
    FROM (SELECT n, hashint8(n)::bigint & 2147483647 AS dice
          FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS numbers,
         LATERAL (SELECT
             (%(teams)s::text[])[1 + dice %% %(n_teams)s] AS team,
             (%(teams)s::text[])[1 + dice / 7 %% %(n_teams)s] AS other,
             (%(cities)s::text[])[1 + dice / 11 %% %(n_cities)s] AS city,
             (%(coins)s::text[])[1 + dice / 13 %% %(n_coins)s] AS coin,
             (%(first_names)s::text[])[1 + dice / 17 %% %(n_first)s] || ' '
                 || (%(last_names)s::text[])[1 + dice / 19 %% %(n_last)s] AS person) AS drawn,
         LATERAL (SELECT * FROM (VALUES
             (0, 'KXNBAPTS', concat_ws(' ', person, team, other, 'points nba basketball sports')),
             (1, 'KXNBAGAME', concat_ws(' ', team, other, 'wins nba basketball sports')),
             (2, 'KXHIGH', 'highest temperature in ' || city || ' climate weather daily'),
             (3, 'KXCOIND', coin || ' price or above crypto hourly')
         ) AS family (kind, series, words) WHERE kind = dice / 23 %% 4) AS family,
         LATERAL (SELECT series || '-26NOV' || dice %% 30 || '-' || n AS ticker) AS named
"""


def search(plan: Plan, services: Services) -> Report:
    """Searches of a team, a person, a city, and the worst there is."""
    size = plan.rows[-1]
    with services.connect() as connection:
        plan.say(f"search: {size:,} instruments")
        _fill(connection, size)
        figures = [_asked(plan, connection, what, text) for what, text in QUESTIONS.items()]
        with connection, connection.cursor() as cursor:
            cursor.execute("TRUNCATE instruments CASCADE")
    return Report(list(figures), [Bound(figure.name, figure, AT_MOST_MS) for figure in figures])


def _fill(connection: PgConnection, size: int) -> None:
    lists = {"teams": TEAMS, "cities": CITIES, "coins": COINS}
    names = {"first_names": FIRST, "last_names": LAST}
    numbers = {
        "n_teams": len(TEAMS),
        "n_cities": len(CITIES),
        "n_coins": len(COINS),
        "n_first": len(FIRST),
        "n_last": len(LAST),
    }
    with connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE instruments CASCADE")
    for first in range(1, size + 1, A_STATEMENT):
        last = min(size, first + A_STATEMENT - 1)
        with connection, connection.cursor() as cursor:
            cursor.execute(_FILL, lists | names | numbers | {"first": first, "last": last})
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE instruments")
        cursor.execute("VACUUM ANALYZE instrument_search")
    connection.autocommit = False


def _asked(plan: Plan, connection: PgConnection, what: str, text: str) -> Figure:
    figure = Figure(f"search of {what}: {text}", "ms")
    search_instruments(connection, text, limit=LIMIT)
    for _ in range(plan.rounds):
        taken = []
        for _ in range(A_QUESTION):
            start = time.perf_counter()
            found = search_instruments(connection, text, limit=LIMIT)
            taken.append((time.perf_counter() - start) * 1000)
        figure.rounds.append(sorted(taken)[A_QUESTION // 2])
        figure.remarks = {"found": f"{len(found)}"}
    return figure
