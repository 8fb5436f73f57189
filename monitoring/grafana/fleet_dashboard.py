"""The whole fleet at a glance."""

from __future__ import annotations

from panels import Dashboard, Panel, quantiles, stat

FLEET = Dashboard(
    "hadron-fleet",
    "Hadron: fleet",
    {
        "Now": [
            stat("Frames a second", "sum(rate(hadron_feed_frames_total[1m]))"),
            stat("Ticks stored a second", "sum(rate(hadron_ingest_ticks_total[1m]))"),
            stat(
                "Oldest frame not stored",
                "max(hadron_stream_oldest_entry_age_seconds)",
                "s",
                steps=[("orange", 5), ("red", 30)],
            ),
            stat(
                "Venues without a connection",
                "count(hadron_venue_live_connections == 0) or vector(0)",
                steps=[("red", 1)],
            ),
            stat(
                "Dead letters",
                'sum(hadron_dead_letters{status="dead"})',
                steps=[("orange", 1)],
            ),
            stat(
                "Alerts",
                'count(ALERTS{alertstate="firing"}) or vector(0)',
                steps=[("red", 1)],
            ),
        ],
        "From the exchange to the database": [
            Panel(
                "Frames received",
                {"{{venue}}": "sum by (venue) (rate(hadron_feed_frames_total[$__rate_interval]))"},
                "ops",
                stacked=True,
            ),
            Panel(
                "Ticks stored",
                {"{{venue}}": "rate(hadron_ingest_ticks_total[$__rate_interval])"},
                "ops",
                stacked=True,
            ),
            Panel(
                "From receipt to commit",
                quantiles("hadron_ingest_commit_latency_seconds", "venue"),
                "s",
            ),
            Panel("Entries in the stream", {"{{venue}}": "hadron_stream_entries"}),
            Panel(
                "Messages delivered again and not stored twice",
                {"{{venue}}": "rate(hadron_ingest_duplicates_total[$__rate_interval])"},
                "ops",
            ),
            Panel(
                "Exchange to receipt",
                quantiles("hadron_feed_exchange_latency_seconds", "venue"),
                "s",
                about="The two clocks' difference is in it.",
            ),
        ],
        "Workers": [
            Panel(
                "Tasks a second",
                {"{{task}}": "sum by (task) (rate(hadron_tasks_total[$__rate_interval]))"},
                "ops",
                stacked=True,
            ),
            Panel(
                "Tasks that did not succeed",
                {
                    "{{task}} {{state}}": "sum by (task, state) "
                    '(increase(hadron_tasks_total{state!="success"}[$__rate_interval]))'
                },
            ),
            Panel(
                "How long tasks run",
                {
                    "p95 {{task}}": "histogram_quantile(0.95, sum by (task, le) "
                    "(rate(hadron_task_duration_seconds_bucket[$__rate_interval])))"
                },
                "s",
            ),
            Panel("Messages waiting", {"{{queue}}": "hadron_queue_messages"}),
            Panel(
                "Tasks at work, of processes",
                {
                    "{{queue}} at work": "hadron_worker_tasks_active",
                    "{{queue}} processes": "hadron_worker_processes",
                },
            ),
            Panel(
                "Since beat's last tick",
                {"beat": "hadron_beat_tick_age_seconds"},
                "s",
            ),
            Panel("Worker nodes", {"{{queue}}": "hadron_workers"}),
            Panel(
                "Schedule entries that are late",
                {"{{entry}}": "hadron_schedule_overdue_seconds > 0"},
                "s",
            ),
            Panel(
                "Can be read",
                {"{{part}}": "hadron_up"},
                kind="state-timeline",
            ),
        ],
        "Arbitrage": [
            Panel("There now", {"{{kind}}": "hadron_arbitrage_live"}),
            Panel(
                "What it would earn, after fees",
                {"{{kind}}": "hadron_arbitrage_live_profit_dollars"},
                "currencyUSD",
            ),
            Panel("Found in an hour", {"{{kind}}": "increase(hadron_arbitrage_found_total[1h])"}),
        ],
    },
)
