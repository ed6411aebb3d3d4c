#!/bin/sh
# The same rows through a switch's gNMI server, whose path is the table, the key and the field of CONFIG_DB:
#   gnmi.sh leaf1.example.net:8080 jobs.json
# gnmi_set is that of sonic-gnmi; certificates are those of the switch's GNMI|certs.
set -eu
target=$1 rows=$2
python3 - "$rows" <<'PY' | while IFS= read -r update; do
import json, sys
for table, keys in json.load(open(sys.argv[1])).items():
    for key, row in keys.items():
        open(f"{table}.{key}.json", "w").write(json.dumps(row))
        print(f"/sonic-db:CONFIG_DB/localhost/{table}/{key}:@./{table}.{key}.json")
PY
	gnmi_set -target_addr "$target" -xpath_target MIXED -cert client.pem -key client.key -ca ca.pem -update "$update"
done
