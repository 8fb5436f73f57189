"""Use of the exchanges' REST APIs: requests, rate limits, crawls."""

from __future__ import annotations

from hadron_tasks.metrics.definitions.metric import Endpoint, Group, Kind

REST = Group(
    "REST",
    Endpoint.FLEET,
    [
        (
            "hadron_rest_requests_total",
            Kind.COUNTER,
            "venue endpoint status",
            "Requests to an exchange's REST API, by HTTP status, or unreachable or unreadable.",
        ),
        (
            "hadron_rest_bucket_tokens",
            Kind.GAUGE,
            "account",
            "Tokens in the shared rate limit's bucket; below 0 is what waiting requests owe.",
        ),
        ("hadron_rest_bucket_capacity_tokens", Kind.GAUGE, "account", "Most tokens it holds."),
        (
            "hadron_rest_bucket_pace_ratio",
            Kind.GAUGE,
            "account",
            "Share of the refill in use: 1 unless the exchange answered 429 lately.",
        ),
        (
            "hadron_rest_bucket_closed_seconds",
            Kind.GAUGE,
            "account",
            "How long a 429 keeps the bucket closed from now; 0 when it is open.",
        ),
        (
            "hadron_rest_tokens_spent_total",
            Kind.COUNTER,
            "account",
            "Tokens that requests cost.",
        ),
        (
            "hadron_rest_limited_total",
            Kind.COUNTER,
            "account",
            "Requests that the exchange answered with 429.",
        ),
    ],
)

CRAWLS = Group(
    "Crawls",
    Endpoint.FLEET,
    [
        (
            "hadron_crawl_success_age_seconds",
            Kind.GAUGE,
            "venue kind",
            "Since a crawl of this kind last ended complete; absent when none ever did.",
        ),
        (
            "hadron_crawl_failed",
            Kind.GAUGE,
            "venue kind",
            "Whether the newest crawl that ended misses something.",
        ),
        ("hadron_crawl_running", Kind.GAUGE, "venue kind", "Whether a crawl is under way."),
        (
            "hadron_crawl_running_seconds",
            Kind.GAUGE,
            "venue kind",
            "Since the crawl under way began; 0 when there is none.",
        ),
        ("hadron_crawl_pages", Kind.GAUGE, "venue kind", "Pages read by the newest crawl."),
        ("hadron_crawl_seen", Kind.GAUGE, "venue kind", "Objects seen by the newest crawl."),
        (
            "hadron_crawl_changed",
            Kind.GAUGE,
            "venue kind",
            "Of these, objects that were new or had changed.",
        ),
        (
            "hadron_crawl_requests",
            Kind.GAUGE,
            "venue kind",
            "Requests sent by the newest crawl.",
        ),
    ],
)
