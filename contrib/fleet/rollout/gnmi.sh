#!/bin/sh
# The same rows through a switch's gNMI server; a path is /sonic-db:CONFIG_DB/localhost/<table>/<key>, an update one row:
#   gnmi.sh leaf1.example.net:8080 jobs.json -cert client.pem -key client.key -ca ca.pem
# gnmi_set is that of sonic-gnmi; what follows the file is handed to it. Server and client are those of GNMI|gnmi and GNMI|certs.
set -eu
target=$1 rows=$2
shift 2
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
python3 - "$rows" "$folder" >"$folder/updates" <<'PY'
import json
import pathlib
import sys

for table, keys in json.loads(pathlib.Path(sys.argv[1]).read_text()).items():
    for key, row in keys.items():
        path = pathlib.Path(sys.argv[2], f"{table}.{key}.json")
        path.write_text(json.dumps(row))
        print(f"/sonic-db:CONFIG_DB/localhost/{table}/{key}:@{path}")
PY
while IFS= read -r update; do
	gnmi_set -target_addr "$target" -xpath_target MIXED -update "$update" "$@" </dev/null
done <"$folder/updates"
