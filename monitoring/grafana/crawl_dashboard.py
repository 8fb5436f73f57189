"""Crawls, and the exchanges' REST APIs."""

from __future__ import annotations

from panels import Dashboard, Panel

CRAWL = Dashboard(
    "hadron-crawl",
    "Hadron: crawl and REST",
    {
        "Crawls": [
            Panel(
                "Since each kind last ended complete",
                {"{{venue}} {{kind}}": "hadron_crawl_success_age_seconds"},
                "s",
            ),
            Panel(
                "Under way",
                {"{{venue}} {{kind}}": "hadron_crawl_running"},
                kind="state-timeline",
            ),
            Panel("Misses something", {"{{venue}} {{kind}}": "hadron_crawl_failed"}),
            Panel("Pages read", {"{{venue}} {{kind}}": "hadron_crawl_pages"}),
            Panel(
                "Seen, and changed",
                {
                    "{{venue}} {{kind}} seen": "hadron_crawl_seen",
                    "{{venue}} {{kind}} changed": "hadron_crawl_changed",
                },
            ),
            Panel("Requests of the newest", {"{{venue}} {{kind}}": "hadron_crawl_requests"}),
        ],
        "REST": [
            Panel(
                "Requests a second, by endpoint",
                {
                    "{{endpoint}}": "sum by (endpoint) "
                    "(rate(hadron_rest_requests_total[$__rate_interval]))"
                },
                "ops",
                stacked=True,
            ),
            Panel(
                "Requests a second, by status",
                {
                    "{{venue}} {{status}}": "sum by (venue, status) "
                    "(rate(hadron_rest_requests_total[$__rate_interval]))"
                },
                "ops",
                stacked=True,
            ),
            Panel(
                "429s in five minutes",
                {"{{account}}": "increase(hadron_rest_limited_total[5m])"},
            ),
            Panel(
                "Tokens in the bucket",
                {
                    "{{account}}": "hadron_rest_bucket_tokens",
                    "{{account}} capacity": "hadron_rest_bucket_capacity_tokens",
                },
                about="Below zero is what waiting requests owe.",
            ),
            Panel(
                "Tokens spent a second",
                {"{{account}}": "rate(hadron_rest_tokens_spent_total[$__rate_interval])"},
            ),
            Panel(
                "Share of the refill in use",
                {"{{account}}": "hadron_rest_bucket_pace_ratio"},
                "percentunit",
            ),
        ],
    },
)
