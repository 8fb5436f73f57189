"""How each venue's feed is received: connections, frames, the spool."""

from __future__ import annotations

from hadron_tasks.metrics.definitions.metric import Endpoint, Group, Kind

FEEDS = Group(
    "Feeds",
    Endpoint.FLEET,
    [
        (
            "hadron_feed_frames_total",
            Kind.COUNTER,
            "venue connection channel",
            "Frames received, by the exchange's message type, since the streamer started.",
        ),
        (
            "hadron_feed_bytes_total",
            Kind.COUNTER,
            "venue connection channel",
            "Bytes of frames received, by the exchange's message type, since the streamer started.",
        ),
        (
            "hadron_feed_connection_state",
            Kind.GAUGE,
            "venue connection state",
            "1 for the state that a connection is in, 0 for the others.",
        ),
        (
            "hadron_feed_connection_age_seconds",
            Kind.GAUGE,
            "venue connection",
            "Since the connection was opened; only while it is open.",
        ),
        (
            "hadron_feed_last_frame_age_seconds",
            Kind.GAUGE,
            "venue connection",
            "Since the connection's last frame.",
        ),
        (
            "hadron_feed_reconnects_total",
            Kind.COUNTER,
            "venue connection",
            "Connections lost and opened again.",
        ),
        (
            "hadron_feed_authentication_failures_total",
            Kind.COUNTER,
            "venue connection",
            "Credentials refused by the exchange.",
        ),
        (
            "hadron_feed_holes_total",
            Kind.COUNTER,
            "venue connection",
            "Gap records written by the streamer that holds the connection.",
        ),
        (
            "hadron_feed_subscriptions",
            Kind.GAUGE,
            "venue connection",
            "Channels confirmed by the exchange.",
        ),
        (
            "hadron_feed_books",
            Kind.GAUGE,
            "venue connection",
            "Order books confirmed by the exchange.",
        ),
        (
            "hadron_feed_exchange_latency_seconds",
            Kind.HISTOGRAM,
            "venue connection",
            "From the exchange's own time of a message to its receipt, sampled twice a second;"
            " what the two clocks differ by is in it.",
        ),
        (
            "hadron_venue_live_connections",
            Kind.GAUGE,
            "venue",
            "Connections that are live by a fresh report.",
        ),
        ("hadron_venue_streamers", Kind.GAUGE, "venue", "Streamer processes that report."),
        (
            "hadron_venue_trading",
            Kind.GAUGE,
            "venue",
            "Whether frames are to be expected now: 1 in the hours of any market that is recorded.",
        ),
        (
            "hadron_feed_trading",
            Kind.GAUGE,
            "venue connection",
            "Whether a connection must receive frames now: 1 in the hours of its asset class;"
            " absent where several connections share one feed.",
        ),
        (
            "hadron_venue_silence_seconds",
            Kind.GAUGE,
            "venue",
            "Since the last frame of any connection; +Inf when none is known.",
        ),
        (
            "hadron_spool_bytes",
            Kind.GAUGE,
            "venue streamer",
            "Bytes of frames that wait on a streamer's disk because Redis took none.",
        ),
    ],
)
