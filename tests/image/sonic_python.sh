#!/usr/bin/env bash
# sonic_python.sh [--remove] ROOT: what stands in for SONiC's Python packages in a Debian at ROOT: plug-in packages of
# its command lines, its YANG loader with a model, the folder of its debug-dump scripts.
set -euo pipefail
remove=
[ "$1" != --remove ] || { remove=yes; shift; }
root=$1
dists=$root/usr/local/lib/$(basename "$(readlink "$root/usr/bin/python3")")/dist-packages

if [ -n "$remove" ]; then
	rm -r "$dists"/{config,show,clear,sonic_yang.py} "$root/usr/local/yang-models" "$root/usr/local/bin/debug-dump"
	rm -rf "$dists/__pycache__"
	exit 0
fi
for command in config show clear; do
	mkdir -p "$dists/$command/plugins"
	touch "$dists/$command/__init__.py" "$dists/$command/main.py" "$dists/$command/plugins/__init__.py"
done
mkdir -p "$root/usr/local/yang-models" "$root/usr/local/bin/debug-dump"
echo 'module sonic-port {}' >"$root/usr/local/yang-models/sonic-port.yang"
cat >"$dists/sonic_yang.py" <<'PY'
import pathlib


class SonicYang:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def loadYangModel(self):
        for path in self.folder.glob("*.yang"):
            if not path.read_text().lstrip().startswith("module " + path.stem):
                raise RuntimeError(path.name + " is broken")
PY
