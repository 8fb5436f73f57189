"""PostgreSQL, Redis and the disks under them."""

from __future__ import annotations

from hadron_tasks.metrics.definitions.metric import Endpoint, Group, Kind

STORAGE = Group(
    "Storage",
    Endpoint.FLEET,
    [
        ("hadron_database_size_bytes", Kind.GAUGE, "", "Size of the database on disk."),
        ("hadron_database_partitions", Kind.GAUGE, "", "Daily partitions of ticks."),
        (
            "hadron_database_partitions_ahead",
            Kind.GAUGE,
            "",
            "Days after today (UTC) whose partition stands ready.",
        ),
        (
            "hadron_database_connections",
            Kind.GAUGE,
            "state",
            "Connections to the database, by state.",
        ),
        (
            "hadron_database_connections_limit",
            Kind.GAUGE,
            "",
            "Most connections that the server takes.",
        ),
        ("hadron_redis_memory_used_bytes", Kind.GAUGE, "", "Memory that Redis uses for data."),
        (
            "hadron_redis_memory_limit_bytes",
            Kind.GAUGE,
            "",
            "Redis' maxmemory; the machine's memory where none is set.",
        ),
        ("hadron_redis_clients", Kind.GAUGE, "", "Connections to Redis."),
        (
            "hadron_redis_evicted_keys_total",
            Kind.COUNTER,
            "",
            "Keys that Redis dropped to make room: must stay 0.",
        ),
        (
            "hadron_redis_durable",
            Kind.GAUGE,
            "",
            "1 when Redis writes an append-only file, did so without error, and never evicts.",
        ),
        (
            "hadron_disk_free_bytes",
            Kind.GAUGE,
            "volume",
            "Free space of the volumes named in HADRON_METRICS_DISKS.",
        ),
        ("hadron_disk_size_bytes", Kind.GAUGE, "volume", "Size of these volumes."),
    ],
)
