#!/bin/sh
# Makes the passwords that docker-compose.yml reads, each in a file; what is there already stays.
#   sh deploy/secrets.sh [DIRECTORY]
set -eu
directory=${1:-$(dirname "$0")/../secrets}
# The directory keeps people out; the files are readable by the containers' users.
mkdir -p "$directory"
chmod 700 "$directory"

random() {
    od -An -tx1 -N24 /dev/urandom | tr -d ' \n'
}

make() {
    if [ -s "$directory/$1" ]; then
        echo "kept  $directory/$1"
    else
        printf '%s\n' "$2" >"$directory/$1"
        chmod 444 "$directory/$1"
        echo "made  $directory/$1"
    fi
}

make redis_password "$(random)"
make postgres_password "$(random)"
make flower_auth "hadron:$(random)"
make grafana_password "$(random)"
