#!/bin/bash
# build.sh OUTDIR: makes OUTDIR/berth and the plugins OUTDIR/cni/{static,dhcp,whereabouts}, which are one shim.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
plugins="static dhcp whereabouts"

# Into place by rename, so that a running process keeps its executable and none sees half a file.
mkdir -p "$out/cni"
# In pieces (--splitting), so that a command brings into memory what it needs: 2 MiB less for an idle agent.
node_modules/.bin/bun build --compile --bytecode --minify --format=esm --splitting src/cli/main.ts --outfile "$out/.berth.new" >/dev/null
mv "$out/.berth.new" "$out/berth"

# The compiler of the shim starts `clang`; this one is found by its versioned name and links without shared libraries.
native_shim() {
  local clang path
  for clang in clang-19 clang-18 clang-17 clang-16 clang-15 clang; do
    path=$(command -v "$clang") && break
  done
  [ -n "${path:-}" ] || { echo "build: no clang here"; return 1; }
  local bin; bin=$(mktemp -d)
  printf '#!/bin/sh\nexec %s -static "$@"\n' "$path" >"$bin/clang"
  chmod 755 "$bin/clang"
  local status=0
  SCRIPTC_NO_CACHE=1 PATH="$bin:$PATH" node node_modules/scriptc/dist/main.js build src/shim/native.ts \
    --ffi src/shim/libc.json --no-keep-c -o "$out/.shim.new" >"$bin/log" 2>&1 || status=$?
  [ "$status" -eq 0 ] || cat "$bin/log" >&2
  rm -rf "$bin"
  return "$status"
}

if [ ! -x "$out/.shim" ] || [ -n "$(find src/shim tools/build.sh package-lock.json -newer "$out/.shim")" ]; then
  if native_shim; then
    kind=native
  else
    echo "build: WARNING: the plugins are built with Bun instead of natively: they work alike, but each call takes"
    echo "build: some 8 ms and 32 MiB more. Install clang-19 (as root, make setup does), then make clean build."
    node_modules/.bin/bun build --compile --bytecode --minify src/shim/bun.ts --outfile "$out/.shim.new" >/dev/null
    kind=Bun
  fi
  mv "$out/.shim.new" "$out/.shim"
  for plugin in $plugins; do
    ln -f "$out/.shim" "$out/cni/.$plugin.new"
    mv "$out/cni/.$plugin.new" "$out/cni/$plugin"
  done
  echo "build: the plugins are new ($kind shim)"
fi
echo "build: $out/berth and $out/cni/{static,dhcp,whereabouts}"
