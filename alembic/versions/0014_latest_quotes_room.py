"""Room on the pages of the newest quotes: blanks that a row has until it changes.

PostgreSQL searches a page for old versions of rows whenever less of it is free than the fill factor
asks for. Rows packed up to just that leave it so for ever, and every change searches.
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0014"
down_revision = "0013"

_BLANKS = " " * 48


def upgrade() -> None:
    op.add_column("latest_quotes", sa.Column("room", sa.Text(), server_default=_BLANKS))
    op.execute("ALTER TABLE latest_quotes SET (fillfactor = 90)")


def downgrade() -> None:
    op.execute("ALTER TABLE latest_quotes SET (fillfactor = 75)")
    op.drop_column("latest_quotes", "room")
