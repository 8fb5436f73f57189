"""Venues, their connections, holes in their feeds, and the streamers."""

from __future__ import annotations

from panels import Dashboard, Panel, quantiles

_VENUE = '{venue=~"$venue"}'

FEEDS = Dashboard(
    "hadron-feeds",
    "Hadron: feeds",
    {
        "Venues": [
            Panel(
                "Trading",
                {"{{venue}}": f"hadron_venue_trading{_VENUE}"},
                kind="state-timeline",
                height=5,
            ),
            Panel(
                "Live connections",
                {"{{venue}}": f"hadron_venue_live_connections{_VENUE}"},
                height=5,
            ),
            Panel(
                "Since the last frame",
                {"{{venue}}": f"hadron_venue_silence_seconds{_VENUE}"},
                "s",
                height=5,
            ),
        ],
        "Connections": [
            Panel(
                "Live",
                {"{{connection}}": 'hadron_feed_connection_state{state="live", venue=~"$venue"}'},
                kind="state-timeline",
                width=12,
            ),
            Panel(
                "Since each one's last frame",
                {"{{connection}}": f"hadron_feed_last_frame_age_seconds{_VENUE}"},
                "s",
                width=12,
            ),
            Panel(
                "Frames a second",
                {
                    "{{connection}}": "sum by (connection) "
                    f"(rate(hadron_feed_frames_total{_VENUE}[$__rate_interval]))"
                },
                "ops",
                stacked=True,
            ),
            Panel(
                "Frames a second, by message type",
                {
                    "{{venue}} {{channel}}": "sum by (venue, channel) "
                    f"(rate(hadron_feed_frames_total{_VENUE}[$__rate_interval]))"
                },
                "ops",
                stacked=True,
            ),
            Panel(
                "Bytes a second",
                {
                    "{{connection}}": "sum by (connection) "
                    f"(rate(hadron_feed_bytes_total{_VENUE}[$__rate_interval]))"
                },
                "Bps",
                stacked=True,
            ),
            Panel(
                "Exchange to receipt",
                quantiles("hadron_feed_exchange_latency_seconds", "connection", _VENUE),
                "s",
            ),
            Panel(
                "Order books",
                {"{{connection}}": f"hadron_feed_books{_VENUE}"},
                stacked=True,
            ),
            Panel("Subscriptions", {"{{connection}}": f"hadron_feed_subscriptions{_VENUE}"}),
            Panel(
                "Reconnects in five minutes",
                {"{{connection}}": f"increase(hadron_feed_reconnects_total{_VENUE}[5m])"},
            ),
            Panel(
                "Refused credentials in five minutes",
                {
                    "{{connection}}": "increase("
                    f"hadron_feed_authentication_failures_total{_VENUE}[5m])"
                },
            ),
            Panel(
                "Age of connections",
                {"{{connection}}": f"hadron_feed_connection_age_seconds{_VENUE}"},
                "s",
            ),
        ],
        "Holes": [
            Panel(
                "Gap records in five minutes",
                {"{{connection}}": f"increase(hadron_feed_holes_total{_VENUE}[5m])"},
            ),
            Panel(
                "Gaps by cause and state",
                {"{{cause}} {{state}}": f"sum by (cause, state) (hadron_feed_gaps{_VENUE}) > 0"},
            ),
            Panel(
                "Messages known to be missing",
                {"{{venue}} {{state}}": f"hadron_feed_gap_missing_messages{_VENUE}"},
            ),
        ],
        "Streamers": [
            Panel("Processes", {"{{venue}}": f"hadron_venue_streamers{_VENUE}"}),
            Panel(
                "Waiting on their disks",
                {"{{venue}} {{streamer}}": f"hadron_spool_bytes{_VENUE}"},
                "bytes",
            ),
            Panel(
                "Waiting in their memory",
                {"{{instance}} {{venue}}": f"hadron_streamer_queue_entries{_VENUE}"},
            ),
            Panel(
                "Entries appended a second",
                {
                    "{{instance}}": "sum by (instance) "
                    f"(rate(hadron_streamer_published_entries_total{_VENUE}[$__rate_interval]))"
                },
                "ops",
                stacked=True,
            ),
            Panel(
                "CPU",
                {
                    "{{instance}}": "rate("
                    'process_cpu_seconds_total{job="hadron-streamers"}[$__rate_interval])'
                },
                "percentunit",
            ),
            Panel(
                "Memory",
                {"{{instance}}": 'process_resident_memory_bytes{job="hadron-streamers"}'},
                "bytes",
            ),
        ],
    },
    {"venue": "hadron_venue_trading"},
)
