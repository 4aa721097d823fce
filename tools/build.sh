#!/bin/bash
# build.sh OUTDIR: makes OUTDIR/berth and the plugins OUTDIR/cni/{static,dhcp,whereabouts}.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1

mkdir -p "$out/cni"
# Into place by rename, so that a running process keeps its executable and none sees half a file.
node_modules/.bin/bun build --compile --bytecode --minify src/cli/main.ts --outfile "$out/.berth.new" >/dev/null
mv "$out/.berth.new" "$out/berth"
for plugin in static dhcp whereabouts; do
  install -m 755 src/cni/launcher.sh "$out/cni/$plugin"
done
echo "build: $out/berth and $out/cni/{static,dhcp,whereabouts}"
