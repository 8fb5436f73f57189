"""PostgreSQL: the tables, and the few ways they are written and read. Knows no venue."""
