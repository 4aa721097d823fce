#!/bin/sh
# A CNI plugin: the name it is called by says which. It becomes `berth cni`, which lies beside it, in its parent
# folder, or where BERTH_BIN says.
here=${0%/*}
for berth in "${BERTH_BIN:-}" "$here/berth" "$here/../berth" /usr/local/bin/berth; do
  [ -x "$berth" ] && exec "$berth" cni --plugin "${0##*/}"
done
printf '{\n    "code": 50,\n    "msg": "the executable berth was not found",\n    "details": "looked beside %s, in its parent folder and in /usr/local/bin; BERTH_BIN names another place"\n}' "$here"
exit 1
