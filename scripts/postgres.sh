#!/usr/bin/env bash
# A PostgreSQL server of one's own for tests and benchmarks: nothing but a directory and a socket in it.
#   scripts/postgres.sh start DIR [SETTING=VALUE...]   makes DIR, prints the URL; durable unless fsync=off is said
#   scripts/postgres.sh stop DIR                       ends it and removes DIR
#   scripts/postgres.sh install                        only makes sure that the programs are there
# Debian's package is installed when it is not there. The server refuses root, so for root it runs as user postgres.
set -euo pipefail

fail() {
  echo "scripts/postgres.sh: $*" >&2
  exit 1
}

newest_bin() {
  find /usr/lib/postgresql -maxdepth 2 -name bin -type d 2>/dev/null | sort -V | tail -n 1
}

install_package() {
  local run=()
  if [ "$(id -u)" -ne 0 ]; then run=(sudo -n); fi
  export DEBIAN_FRONTEND=noninteractive
  {
    # The package would make and start a cluster of the machine's own.
    "${run[@]}" mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | "${run[@]}" tee -a /etc/postgresql-common/createcluster.conf
    "${run[@]}" apt-get update --quiet
    "${run[@]}" apt-get install --quiet --yes --no-install-recommends postgresql
  } >&2 || fail "PostgreSQL is missing and could not be installed: apt-get install postgresql"
}

as_owner() {
  if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

bin=$(newest_bin)
if [ -z "$bin" ]; then
  install_package
  bin=$(newest_bin)
fi
if [ "${1:-}" = install ]; then exit; fi
[ $# -ge 2 ] || fail "usage: scripts/postgres.sh install | start DIR [SETTING=VALUE...] | stop DIR"
action=$1 directory=$2
shift 2
# The server's user may not be let into the working directory.
directory=$(realpath -m "$directory")
cd /

case $action in
  start)
    mkdir -p "$directory"
    if [ "$(id -u)" -eq 0 ]; then chown postgres: "$directory"; fi
    as_owner "$bin/initdb" --pgdata "$directory/data" --username tandem --auth trust --encoding UTF8 --no-locale \
      --no-sync >/dev/null
    options="-c listen_addresses= -c unix_socket_directories=$directory"
    for setting in "$@"; do options+=" -c $setting"; done
    as_owner "$bin/pg_ctl" start --silent --wait --pgdata "$directory/data" --log "$directory/server.log" \
      --options "$options" </dev/null >/dev/null || { cat "$directory/server.log" >&2; fail "the server did not start"; }
    echo "postgresql://tandem@/postgres?host=$directory"
    ;;
  stop)
    as_owner "$bin/pg_ctl" stop --silent --wait --mode immediate --pgdata "$directory/data" || true
    rm -rf "$directory"
    ;;
  *) fail "start or stop, not $action" ;;
esac
