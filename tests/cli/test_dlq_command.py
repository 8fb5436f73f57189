"""``hadron dlq`` for people and programs, on letters of every kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
import redis
from click.testing import CliRunner, Result
from factories import NOON_US
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks import letter_retry, letter_room
from hadron_tasks.cli import dlq, main
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import RawFrame, parse_entries
from hadron_tasks.settings import get_settings
from hadron_tasks.store.dead_letters import DeadFrame, write_dead_frames
from hadron_tasks.store.dead_tasks import (
    DeadTask,
    identity_of_message,
    identity_of_task,
    write_dead_tasks,
)
from hadron_tasks.task_past import Past

RECEIVED_NS = NOON_US * 1000 + 123_456_789
NOW = datetime.now(UTC)
FRAME = b'{"type":"trade","msg":{"market_ticker":"KXA","yes_price":"[bold]"}}'
NOT_UTF8 = b"\xff\xfe \x1b[2J binary"
UNREADABLE = b"not json at all"
Hadron = Callable[..., Result]


@pytest.fixture
def connection(module_database_url: str) -> Iterator[PgConnection]:
    opened = psycopg2.connect(module_database_url)
    with opened, opened.cursor() as cursor:
        cursor.execute("TRUNCATE dead_letters RESTART IDENTITY")
    yield opened
    opened.close()


def dead_frame(number: int, **changes: Any) -> DeadFrame:
    fields: dict[str, Any] = {
        "venue": "kalshi",
        "frame": RawFrame(FRAME, RECEIVED_NS + number, "kalshi-1"),
        "error_type": "KeyError",
        "message": "no [bold] price [/nonsense]",
        "place": "msg.yes_price",
        "traceback": "Traceback: line 7",
    }
    return DeadFrame(**fields | changes)


def dead_task(number: int, **changes: Any) -> DeadTask:
    return DeadTask(
        identity=identity_of_task(str(number)),
        task_id=str(number),
        task_name="hadron.crawl_page",
        args_json=json.dumps(["kalshi", number]),
        kwargs_json='{"page": 3}',
        queue="rest",
        venue="kalshi",
        error_type="ValueError",
        message="failed",
        place="pages.read",
        attempts=3,
        first_failed_at=NOW - timedelta(days=2),
        last_failed_at=NOW - timedelta(days=2),
    ).model_copy(update=changes)


def unreadable() -> DeadTask:
    return dead_task(
        9,
        identity=identity_of_message("rest", UNREADABLE),
        task_id=None,
        task_name=None,
        args_json=None,
        kwargs_json=None,
        body=UNREADABLE,
        error_type="NoMessage",
        place="",
        venue=None,
    )


@pytest.fixture
def hadron(
    connection: PgConnection,
    client: redis.Redis,
    module_database_url: str,
    shared_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Hadron:
    """The command, beside 5 frames, 3 tasks and 1 message that nobody could read."""
    monkeypatch.setenv("HADRON_DATABASE_URL", module_database_url)
    monkeypatch.setenv("HADRON_REDIS_URL", shared_redis.url)
    get_settings.cache_clear()
    frames = [dead_frame(n) for n in range(4)]
    frames.append(
        dead_frame(4, venue="polygon", frame=RawFrame(NOT_UTF8, RECEIVED_NS, "polygon-1"))
    )
    with connection, connection.cursor() as cursor:
        write_dead_frames(cursor, frames)
        write_dead_tasks(cursor, [*(dead_task(n) for n in range(3)), unreadable()])

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["dlq", *arguments], catch_exceptions=False)

    return run


def statuses(connection: PgConnection) -> dict[str, int]:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT status, count(*) FROM dead_letters GROUP BY 1")
        return dict(cursor.fetchall())


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        ([], [4, 3, 1, 1]),
        (["--kind", "message"], [4, 1]),
        (["--kind", "task"], [3, 1]),
        (["--venue", "polygon"], [1]),
        (["--task", "crawl_page"], [3]),
        (["--task", "hadron.crawl_page"], [3]),
        (["--error", "NoMessage"], [1]),
        (["--error", "no [bold] price"], [4, 1]),
        (["--error", "%"], []),
        (["--since", "1h"], [4, 1]),
        (["--since", "3d", "--kind", "task"], [3, 1]),
    ],
)
def test_letters_are_listed_by_cause(
    hadron: Hadron, arguments: list[str], counts: list[int]
) -> None:
    groups = json.loads(hadron("list", "--json", *arguments).output)
    assert sorted((one["count"] for one in groups), reverse=True) == counts


def test_a_list_ends_at_its_limit(hadron: Hadron) -> None:
    assert len(json.loads(hadron("list", "--json", "--limit", "2").output)) == 2


def test_a_list_for_people_names_causes_and_numbers(hadron: Hadron) -> None:
    (group,) = json.loads(hadron("list", "--json", "--task", "crawl_page").output)
    failed_at = f"{NOW - timedelta(days=2):%Y-%m-%d %H:%M:%S}"
    assert hadron("list", "--task", "crawl_page").output.splitlines() == [
        f"{group['fingerprint']}  3 letters, hadron.crawl_page",
        "    ValueError at pages.read: failed",
        f"    newest: {group['newest_id']}, last failed {failed_at}",
        "",
        "One in full: hadron dlq show NUMBER",
    ]


def shown(hadron: Hadron, *filters: str) -> str:
    """The newest of the letters that a filter chooses, as people see it."""
    (group,) = json.loads(hadron("list", "--json", *filters).output)
    return hadron("show", str(group["newest_id"])).output


def test_a_frame_is_shown_readably_with_its_error(hadron: Hadron) -> None:
    told = shown(hadron, "--kind", "message", "--venue", "kalshi")
    assert '    "yes_price": "[bold]"' in told
    assert "KeyError: no [bold] price [/nonsense]" in told
    assert f"2026-11-21 12:00:00 ({RECEIVED_NS + 3} ns)" in told
    assert "Traceback: line 7" in told


def test_a_frame_that_is_no_text_is_shown_and_given_whole(hadron: Hadron) -> None:
    (group,) = json.loads(hadron("list", "--json", "--venue", "polygon").output)
    number = str(group["newest_id"])
    assert "\\xff\\xfe \\x1b[2J binary" in hadron("show", number).output
    document = json.loads(hadron("show", number, "--json").output)
    assert base64.b64decode(document["raw_frame"]) == NOT_UTF8


def test_a_task_is_shown_with_its_arguments(hadron: Hadron) -> None:
    told = shown(hadron, "--error", "ValueError")
    for words in ("hadron.crawl_page", '["kalshi", 2]', '{"page": 3}', "rest", "attempts      3"):
        assert words in told


def test_a_letter_that_is_not_there_is_said_so(hadron: Hadron) -> None:
    result = hadron("show", "4711")
    assert (result.exit_code, result.output) == (
        1,
        "hadron: There is no dead letter 4711. See: hadron dlq list\n",
    )


def test_a_retry_needs_to_be_told_what(hadron: Hadron, connection: PgConnection) -> None:
    for command in ("retry", "discard"):
        result = hadron(command)
        assert result.exit_code == 2
        assert "--all" in result.output
    assert statuses(connection) == {"dead": 9}


def test_a_dry_run_sends_nothing(
    hadron: Hadron, connection: PgConnection, client: redis.Redis
) -> None:
    told = hadron("retry", "--all", "--dry-run").output
    assert "1 letter cannot be sent again" in told
    assert "8 letters would be sent again." in told
    assert "3 letters" in hadron("retry", "--task", "crawl_page", "--dry-run").output
    assert "2 letters" in hadron("retry", "--all", "--limit", "2", "--dry-run").output
    assert statuses(connection) == {"dead": 9}
    assert client.keys() == []


def test_a_retry_sends_frames_and_tasks_as_they_were(
    hadron: Hadron,
    connection: PgConnection,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dlq, "RETRY_BATCH", 3)
    assert "8 letters sent again" in hadron("retry", "--all").output
    assert statuses(connection) == {"dead": 1, "retrying": 8}
    entries: Any = client.xrange("hadron:raw:kalshi")
    frames = [frame for _, fields in entries for frame in parse_entries(fields)]
    assert [(one.data, one.received_ns) for one in frames if isinstance(one, RawFrame)] == [
        (FRAME, RECEIVED_NS + n) for n in range(4)
    ]
    assert client.xlen("hadron:raw:polygon") == 1
    messages: Any = [json.loads(one) for one in client.lrange("rest", 0, -1)]  # type: ignore[union-attr]
    bodies = [json.loads(base64.b64decode(one["body"])) for one in messages]
    assert sorted(body[0] for body in bodies) == [["kalshi", n] for n in range(3)]
    assert [body[1] for body in bodies] == [{"page": 3}] * 3
    assert {Past.of(one["headers"]).letter for one in messages} == {
        identity_of_task(str(n)) for n in range(3)
    }
    assert {one["headers"]["task"] for one in messages} == {"hadron.crawl_page"}


def test_a_limit_takes_the_oldest(hadron: Hadron, connection: PgConnection) -> None:
    assert "2 letters sent again" in hadron("retry", "--all", "--limit", "2").output
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(id ORDER BY id) FROM dead_letters WHERE status <> 'dead'")
        assert cursor.fetchall() == [([1, 2],)]


def test_what_cannot_be_sent_is_dead_again(
    hadron: Hadron, connection: PgConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_self: letter_retry.LetterSender, _letters: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(letter_retry.LetterSender, "send", interrupted)
    result = hadron("retry", "--all")
    assert result.exit_code == 1
    assert "Stopped: 0 of 8 letters sent again." in result.output
    assert statuses(connection) == {"dead": 9}


def test_a_full_stream_is_not_flooded(
    hadron: Hadron, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_retry, "MOST_ENTRIES_WAITING", 2)
    monkeypatch.setattr(dlq, "RETRY_BATCH", 3)
    waits: list[int] = []

    def wait(_seconds: float) -> None:
        waits.append(int(client.xlen("hadron:raw:kalshi")))  # type: ignore[arg-type]
        client.delete("hadron:raw:kalshi")  # as drains would

    monkeypatch.setattr(dlq, "time", SimpleNamespace(sleep=wait))
    assert "5 letters sent again" in hadron("retry", "--kind", "message").output
    assert waits == [3]


def test_discarded_letters_are_kept_and_not_listed(
    hadron: Hadron, connection: PgConnection
) -> None:
    assert "1 letter discarded" in hadron("discard", "--error", "NoMessage").output
    assert statuses(connection) == {"dead": 8, "discarded": 1}
    assert json.loads(hadron("list", "--json", "--error", "NoMessage").output) == []
    stats = json.loads(hadron("stats", "--json").output)
    assert {
        "status": "discarded",
        "kind": "task",
        "source": None,
        "error_type": "NoMessage",
        "count": 1,
    } in stats
    assert sum(one["count"] for one in stats) == 9


def test_what_waits_in_redis_is_counted(hadron: Hadron, client: redis.Redis) -> None:
    letter_room.put(client, dead_task(7))
    last = json.loads(hadron("stats", "--json").output)[-1]
    assert (last["status"], last["count"]) == ("waiting", 1)
    assert "waiting" in hadron("stats").output


def test_an_export_holds_what_it_takes_to_try_again(hadron: Hadron, tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    assert "9 letters written" in hadron("export", str(path)).output
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    assert [base64.b64decode(one["raw_frame"]) for one in letters if one["raw_frame"]] == [
        *[FRAME] * 4,
        NOT_UTF8,
        UNREADABLE,
    ]
    assert [one["args"] for one in letters if one["args"]] == [["kalshi", n] for n in range(3)]
    assert letters[0]["received_at_ns"] == RECEIVED_NS


def test_no_letters_is_said_so(connection: PgConnection, hadron: Hadron) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE dead_letters")
    assert hadron("list").output == "No dead letters.\n"
    assert hadron("stats").output == "No dead letters.\n"
    assert hadron("retry", "--all").output == "Nothing to send.\n"
