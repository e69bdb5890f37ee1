#!/bin/sh
# Makes this machine able to run `make bench-hub`: Debian's Go, gorilla and Node with ws. Safe to run any number of times.
#
# Only packages of this system's own apt sources; nothing that is there is upgraded. Go builds the load generator, so the
# bench cannot run without it; a peer that is missing costs its rows alone, and the bench says so.
set -eu

REQUIRED="golang-go"
PEERS="golang-github-gorilla-websocket-dev nodejs node-ws"

say() { printf 'setup: %s\n' "$*"; }
is_there() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=
for package in $REQUIRED $PEERS; do
  is_there "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { say "not installed:$missing; run it as root, or install them with apt-get"; exit 0; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
say "refreshing the package list"
apt-get update -q >"$log" 2>&1 </dev/null || { tail -n 5 "$log" >&2; say "the package list could not be fetched"; }
# One by one: a peer that this system does not have must not keep the others out.
for package in $missing; do
  say "installing $package"
  apt-get install -q -y --no-install-recommends --no-upgrade "$package" >"$log" 2>&1 </dev/null ||
    { tail -n 5 "$log" >&2; say "$package could not be installed"; }
done
