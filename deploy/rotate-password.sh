#!/bin/sh
# Gives Redis or PostgreSQL of docker compose a new password: docs/deployment.md, "Rotate the
# passwords". Whoever is connected stays connected; restart the services afterwards.
#   sh deploy/rotate-password.sh redis|postgres
set -eu
file=${SECRETS_DIR:-$(dirname "$0")/../secrets}/${1:-}_password
new=$(od -An -tx1 -N24 /dev/urandom | tr -d ' \n')

# By standard input, so that no list of processes shows a password.
case ${1:-} in
redis)
    printf '%s\n' "CONFIG SET requirepass $new" | docker compose exec -T redis sh -ec '
        REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli -h 127.0.0.1 -p 6379 | grep -qx OK'
    ;;
postgres)
    printf '%s\n' "SET log_statement = 'none'; ALTER ROLE hadron PASSWORD '$new';" |
        docker compose exec -T postgres psql -Xq -v ON_ERROR_STOP=1 -U hadron -d hadron
    ;;
*)
    echo "usage: sh deploy/rotate-password.sh redis|postgres" >&2
    exit 2
    ;;
esac
# Into the same file: containers hold on to the file that they were given, not to its name.
chmod 644 "$file"
printf '%s\n' "$new" >"$file"
chmod 444 "$file"
echo "changed  $file"
