#!/bin/sh
# Backs up PostgreSQL and Redis into a new directory: docs/deployment.md, "Backup and restore".
#
#   sh deploy/backup.sh DIRECTORY          what docker compose runs
#
# By address, where HADRON_REDIS_URL, HADRON_DATABASE_URL or both are set; each that is set is
# backed up, with redis-cli and pg_dump of this machine. Their passwords do not stand in the
# address, where every list of processes would show them, but in HADRON_REDIS_PASSWORD_FILE and
# PGPASSFILE (or REDISCLI_AUTH and PGPASSWORD).
set -eu
[ $# = 1 ] || { echo "usage: sh deploy/backup.sh DIRECTORY" >&2; exit 2; }
directory=$1
unfinished=$directory.unfinished
here=$(dirname "$0")
. "$here/backup-tools.sh"

[ ! -e "$directory" ] || fail "$directory is there already: a backup never writes over another"
rm -rf "$unfinished"
umask 077
mkdir -p "$unfinished"

# Redis first. Frames go from Redis to PostgreSQL: what leaves Redis after its copy was taken is in
# PostgreSQL's, which is taken later. The other way round it would be in neither.
if backs_up_redis; then
    redis_dump "$unfinished/redis.rdb"
    [ "$(head -c 5 "$unfinished/redis.rdb")" = REDIS ] || fail "Redis gave no snapshot"
fi
if backs_up_postgres; then
    postgres_dump >"$unfinished/postgres.dump"
    postgres_list <"$unfinished/postgres.dump" >/dev/null || fail "PostgreSQL's dump is not whole"
fi
(cd "$unfinished" && sha256sum -- * >SHA256SUMS)
# Only what is whole has the name that was asked for.
mv "$unfinished" "$directory"
du -h "$directory"/*
