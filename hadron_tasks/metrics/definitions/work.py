"""The fleet's own work: tasks, queues, workers, beat; and what the arbitrage watch found."""

from __future__ import annotations

from hadron_tasks.metrics.definitions.metric import Endpoint, Group, Kind

ARBITRAGE = Group(
    "Arbitrage",
    Endpoint.FLEET,
    [
        ("hadron_arbitrage_found_total", Kind.COUNTER, "kind", "Arbitrages that were found."),
        ("hadron_arbitrage_live", Kind.GAUGE, "kind", "Arbitrages that are there now."),
        (
            "hadron_arbitrage_live_profit_dollars",
            Kind.GAUGE,
            "kind",
            "What those that are there now would earn together, after fees.",
        ),
    ],
)

TASKS = Group(
    "Tasks and beat",
    Endpoint.FLEET,
    [
        ("hadron_tasks_total", Kind.COUNTER, "task state", "Tasks that ended, by how they ended."),
        (
            "hadron_task_duration_seconds",
            Kind.HISTOGRAM,
            "task",
            "How long tasks ran, however they ended.",
        ),
        ("hadron_queue_messages", Kind.GAUGE, "queue", "Celery messages that wait for a worker."),
        (
            "hadron_queue_unacknowledged_messages",
            Kind.GAUGE,
            "",
            "Celery messages that a worker holds.",
        ),
        ("hadron_workers", Kind.GAUGE, "queue", "Worker nodes that consume a queue."),
        ("hadron_worker_processes", Kind.GAUGE, "queue", "Pool processes of these nodes."),
        ("hadron_worker_tasks_active", Kind.GAUGE, "queue", "Tasks these nodes run just now."),
        (
            "hadron_beat_tick_age_seconds",
            Kind.GAUGE,
            "",
            "Since any beat last looked at its schedule; +Inf when none ever did.",
        ),
        (
            "hadron_schedule_overdue_seconds",
            Kind.GAUGE,
            "entry",
            "How late a schedule entry is; 0 when it is not.",
        ),
    ],
)
