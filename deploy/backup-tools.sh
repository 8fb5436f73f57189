# For backup.sh and restore.sh: where the servers are, by address or in docker compose.

fail() {
    echo "$(basename "$0"): $1" >&2
    exit 1
}

for address in "${HADRON_REDIS_URL:-}" "${HADRON_DATABASE_URL:-}"; do
    case $address in
    *://*:*@*) fail "a password stands in an address: name a file with it (see the head of $0)" ;;
    esac
done

if [ -n "${HADRON_REDIS_URL:-}${HADRON_DATABASE_URL:-}${REDIS_DATA_DIR:-}" ]; then
    backs_up_redis() { [ -n "${HADRON_REDIS_URL:-}" ]; }
    backs_up_postgres() { [ -n "${HADRON_DATABASE_URL:-}" ]; }
    restores_redis() { [ -n "${REDIS_DATA_DIR:-}" ]; }
    restores_postgres() { backs_up_postgres; }

    redis_dump() {
        if [ -n "${HADRON_REDIS_PASSWORD_FILE:-}" ]; then
            REDISCLI_AUTH=$(cat "$HADRON_REDIS_PASSWORD_FILE")
            export REDISCLI_AUTH
        fi
        redis-cli -u "$HADRON_REDIS_URL" --rdb "$1" >&2
    }
    redis_is_empty() { [ -d "$REDIS_DATA_DIR" ] && [ -z "$(ls -A "$REDIS_DATA_DIR")" ]; }
    redis_restore() { cat >"$REDIS_DATA_DIR/appendonly.aof"; }

    postgres_start() { :; }
    postgres_dump() { pg_dump --format=custom --no-owner --no-acl -d "$HADRON_DATABASE_URL"; }
    postgres_list() { pg_restore --list; }
    postgres_tables() { psql -XAtq -d "$HADRON_DATABASE_URL" -c "$count_tables"; }
    postgres_restore() {
        pg_restore --exit-on-error --single-transaction --no-owner --no-acl -d "$HADRON_DATABASE_URL"
        psql -Xq -d "$HADRON_DATABASE_URL" -c ANALYZE </dev/null
    }
else
    backs_up_redis() { :; }
    backs_up_postgres() { :; }
    restores_redis() { :; }
    restores_postgres() { :; }
    in_redis() { docker compose exec -T redis sh -ec "$1"; }
    in_postgres() { docker compose exec -T postgres "$@"; }

    # By a file beside Redis' own: redis-cli adds a mark to what it writes to standard output.
    redis_dump() {
        in_redis 'trap "rm -f /data/backup.rdb" EXIT
            REDISCLI_AUTH=$(cat /run/secrets/redis_password) \
                redis-cli -h 127.0.0.1 -p 6379 --rdb /data/backup.rdb >&2
            cat /data/backup.rdb' >"$1"
    }
    redis_run() { docker compose run --rm -T --no-deps redis sh -ec "$1"; }
    redis_is_empty() { redis_run '[ -z "$(ls -A /data)" ]' </dev/null; }
    redis_restore() { redis_run 'cat >/data/appendonly.aof'; }

    postgres_start() { docker compose up -d --wait postgres; }
    postgres_dump() { in_postgres pg_dump --format=custom --no-owner --no-acl -U hadron hadron; }
    postgres_list() { in_postgres pg_restore --list; }
    postgres_tables() { in_postgres psql -XAtq -U hadron -d hadron -c "$count_tables" </dev/null; }
    postgres_restore() {
        in_postgres pg_restore --exit-on-error --single-transaction --no-owner --no-acl \
            -U hadron -d hadron
        in_postgres psql -Xq -U hadron -d hadron -c ANALYZE </dev/null
    }
fi

count_tables="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
