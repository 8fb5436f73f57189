"""What a streamer says of itself, at its own endpoint."""

from __future__ import annotations

from hadron_tasks.metrics.definitions.metric import Endpoint, Group, Kind

STREAMER = Group(
    "Each streamer's own",
    Endpoint.STREAMER,
    [
        (
            "hadron_streamer_frames_total",
            Kind.COUNTER,
            "venue connection channel",
            "Frames received by this process, by the exchange's message type.",
        ),
        (
            "hadron_streamer_bytes_total",
            Kind.COUNTER,
            "venue connection channel",
            "Bytes of frames received by this process, by the exchange's message type.",
        ),
        (
            "hadron_streamer_connection_state",
            Kind.GAUGE,
            "venue connection state",
            "1 for the state that a connection of this process is in, 0 for the others.",
        ),
        (
            "hadron_streamer_last_frame_age_seconds",
            Kind.GAUGE,
            "venue connection",
            "Since the connection's last frame.",
        ),
        (
            "hadron_streamer_reconnects_total",
            Kind.COUNTER,
            "venue connection",
            "Connections lost and opened again.",
        ),
        (
            "hadron_streamer_authentication_failures_total",
            Kind.COUNTER,
            "venue connection",
            "Credentials refused by the exchange.",
        ),
        (
            "hadron_streamer_exchange_latency_seconds",
            Kind.HISTOGRAM,
            "venue connection",
            "From the exchange's own time of a message to its receipt, sampled twice a second.",
        ),
        (
            "hadron_streamer_published_entries_total",
            Kind.COUNTER,
            "venue",
            "Entries that Redis acknowledged.",
        ),
        (
            "hadron_streamer_queue_entries",
            Kind.GAUGE,
            "venue",
            "Entries that wait in memory for the next write to Redis.",
        ),
        (
            "hadron_streamer_spool_bytes",
            Kind.GAUGE,
            "venue",
            "Bytes of frames that wait on disk because Redis took none.",
        ),
    ],
)
