"""A type for what a batch tells of the newest quotes, so that it can be given as one parameter.

It went through a temporary table that each commit emptied. To empty a table is to truncate its
file, which waits for the file system's journal, and so for a disk that stands still.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute(
        """
        CREATE TYPE latest_told AS (
            instrument_id uuid, venue text, price numeric, price_time timestamptz,
            bid numeric, ask numeric, bid_size numeric, ask_size numeric, quote_time timestamptz,
            last_trade_price numeric, last_trade_size numeric, last_trade_time timestamptz,
            received_at timestamptz
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TYPE latest_told")
