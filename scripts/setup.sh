#!/bin/sh
# Makes this machine able to run Twinspan: Debian packages, then .venv from the lock file. Safe to run any number of times.
#
#   scripts/setup.sh         packages (needs root) and .venv
#   scripts/setup.sh venv    .venv only; enough for lint and for the tests without namespaces
#
# Nothing is upgraded that is already there, no service is started, and with nothing to do it takes a few milliseconds.
set -eu
cd "$(dirname "$0")/.."

PACKAGES="bird2 strongswan-charon strongswan-swanctl libcharon-extra-plugins libstrongswan-standard-plugins
  dnsmasq-base nftables iproute2 iputils-ping python3-venv bind9-dnsutils tcpdump ca-certificates openssh-client postgresql"
CLUSTERS=/etc/postgresql-common/createcluster.conf
LOCK=requirements-dev.lock
STAMP=.venv/.twinspan-setup
POLICY=/usr/sbin/policy-rc.d

log=$(mktemp)
policy_is_ours=
# On any exit: our own no-autostart policy must not outlive us.
tidy() { rm -f "$log"; [ -z "$policy_is_ours" ] || rm -f "$POLICY"; }
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
# Runs a command silently; on failure shows the end of what it printed, then the remedy given first.
quietly() {
  remedy=$1; shift
  "$@" >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; die "$remedy"; }
}

missing_packages() {
  for package in $PACKAGES; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
  done
}

# The packages bring BIRD, strongSwan and PostgreSQL as services of the host. Twinspan runs its own copies inside namespaces, so
# the host's must neither start now (policy-rc.d says no) nor at the next boot.
install_packages() {
  if [ ! -e "$POLICY" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    policy_is_ours=yes
    chmod 755 "$POLICY"
  fi
  # PostgreSQL is for tests, which make databases of their own: the package needs to make none.
  [ -e "$CLUSTERS" ] || { mkdir -p "${CLUSTERS%/*}" && echo 'create_main_cluster = false' >"$CLUSTERS"; }
  export DEBIAN_FRONTEND=noninteractive
  say "refreshing the package list"
  quietly "the package list could not be fetched; check the network and apt's sources, then run this again" \
    apt-get update -q
  say "installing $1"
  # shellcheck disable=SC2086  # a list of names, split on purpose
  quietly "apt could not install them; read the lines above, run 'dpkg --configure -a' if they say so, and try again" \
    apt-get install -q -y --no-install-recommends $1
  if [ -d /run/systemd/system ]; then
    for unit in bird:bird2 strongswan-starter:strongswan-charon postgresql:postgresql; do
      case " $1" in
        *" ${unit#*:} "*) systemctl disable "${unit%%:*}.service" >/dev/null 2>&1 || true ;;
      esac
    done
  fi
}

make_venv() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    die "Python 3.11 or newer is needed as python3; Debian 12 has it: apt-get install python3 python3-venv"
  # The path is part of the stamp: a moved or copied .venv has launchers that point to the old place.
  want=$( { cat "$LOCK" pyproject.toml; python3 -VV; pwd; } | sha256sum)
  [ "$(cat "$STAMP" 2>/dev/null)" != "$want" ] || return 0
  if ! .venv/bin/python -c 'import pip' 2>/dev/null || [ "$(.venv/bin/python -VV)" != "$(python3 -VV)" ] ||
     ! grep -qsF "$PWD/.venv" .venv/bin/activate; then
    say "making .venv"
    rm -rf .venv
    quietly "python3 -m venv failed; on Debian: apt-get install python3-venv" python3 -m venv .venv
  fi
  say "installing Python packages from $LOCK"
  quietly "pip could not install them; check the network (or PIP_INDEX_URL for a mirror), then run this again" \
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$LOCK"
  quietly "the project itself could not be installed into .venv" \
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
  printf '%s\n' "$want" >"$STAMP"
}

# One set-up at a time in one clone; the script is its own lock file.
exec 9<scripts/setup.sh
flock 9

case "${1:-all}" in
  venv) make_venv ;;
  all)
    [ "$(id -u)" = 0 ] ||
      die "Twinspan builds network namespaces and so needs root: run it again as root (sudo make ...)"
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
      die "this set-up knows Debian 12 (apt); elsewhere install by hand: $(echo $PACKAGES)"
    missing=$(missing_packages)
    [ -z "$missing" ] || install_packages "$missing"
    make_venv ;;
  *) die "unknown word '$1'; say nothing, or 'venv'" ;;
esac
