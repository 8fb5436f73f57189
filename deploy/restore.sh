#!/bin/sh
# Restores a backup of deploy/backup.sh into new, empty servers: docs/deployment.md, "Backup and
# restore".
#
#   sh deploy/restore.sh DIRECTORY         into docker compose's volumes, everything being stopped
#
# By address, where HADRON_DATABASE_URL, REDIS_DATA_DIR or both are set: into that database, which
# must be empty, and into that data directory of a Redis that does not run. Passwords as there.
set -eu
[ $# = 1 ] || { echo "usage: sh deploy/restore.sh DIRECTORY" >&2; exit 2; }
directory=$1
here=$(dirname "$0")
. "$here/backup-tools.sh"

[ -f "$directory/SHA256SUMS" ] || fail "$directory holds no whole backup"
(cd "$directory" && sha256sum --quiet --check SHA256SUMS) || fail "$directory was damaged"

# Both are looked at before either is written.
postgres= redis=
if [ -f "$directory/postgres.dump" ] && restores_postgres; then
    postgres=yes
    postgres_start
    [ "$(postgres_tables)" = 0 ] || fail "the database is not empty: restore into a new one"
fi
if [ -f "$directory/redis.rdb" ] && restores_redis; then
    redis=yes
    redis_is_empty || fail "Redis' data directory is not an empty one: restore into a new one"
fi
if [ -n "$postgres" ]; then
    postgres_restore <"$directory/postgres.dump"
    echo "PostgreSQL is restored."
fi
if [ -n "$redis" ]; then
    # Every version of Redis takes a snapshot under the name of an old append-only file.
    redis_restore <"$directory/redis.rdb"
    echo "Redis is restored: it loads the backup when it starts."
fi
[ -n "$postgres$redis" ] || fail "$directory holds nothing for the servers that were named"
