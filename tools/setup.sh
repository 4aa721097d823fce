#!/bin/bash
# setup.sh [tests]: installs what the other targets need: the npm packages of the lock file, and with root the Debian packages;
# with "tests" those too that only the tests use: DHCP servers, a browser, promtool.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=node_modules/.package-lock.json
if [ ! -x node_modules/.bin/bun ] || [ package-lock.json -nt "$stamp" ]; then
  echo "setup: installing the npm packages of package-lock.json"
  # The install step of bun only renames its executable, which is not needed.
  npm ci --no-audit --no-fund --loglevel=error
  touch "$stamp"
fi

# promtool alone, without the server that Debian's package would start. It checks the alert rules.
take_promtool() {
  local folder; folder=$(mktemp -d)
  echo "setup: taking promtool out of the Debian package prometheus"
  (cd "$folder" && apt-get update -qq && apt-get download -qq prometheus &&
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool &&
    install -m 755 usr/bin/promtool /usr/local/bin/promtool) || echo "setup: promtool stays away; its tests are left out"
  rm -rf "$folder"
}
if [ "${1:-}" = tests ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && ! command -v promtool >/dev/null; then take_promtool; fi

missing=()
[ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
command -v ip >/dev/null || missing+=(iproute2)
command -v ping >/dev/null || missing+=(iputils-ping)
command -v clang-19 >/dev/null || missing+=(clang-19)
if [ "${1:-}" = tests ]; then
  command -v openssl >/dev/null || missing+=(openssl)
  command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
  [ -x /usr/sbin/dnsmasq ] || missing+=(dnsmasq-base)
  [ -x /usr/sbin/kea-dhcp4 ] || missing+=(kea-dhcp4-server)
  [ -x /usr/sbin/kea-dhcp6 ] || missing+=(kea-dhcp6-server)
  [ -x /usr/sbin/dhcpd ] || missing+=(isc-dhcp-server)
  [ -x /usr/sbin/dhcrelay ] || missing+=(isc-dhcp-relay)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "setup: not root, so ${missing[*]} stay away: what needs them, or real namespaces, is left out"
elif ! command -v apt-get >/dev/null; then
  echo "setup: no apt-get here, so ${missing[*]} stay away: what needs them, or real namespaces, is left out"
else
  echo "setup: installing the Debian packages ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The DHCP servers run in namespaces of the tests; none may start on this machine (policy-rc.d: 101 forbids it).
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
