#!/bin/sh
# thin.sh FOLDER: what pip installed, without what no agent reads: sources of extensions, type stubs, tests, scripts, and
# pip's own notes, which differ from build to build. The metadata stays: OpenTelemetry finds its parts by entry points.
set -eu
site=$1
find "$site" -depth -type d \( -name tests -o -name test -o -name testing -o -name __pycache__ -o -name .hash \) -exec rm -r {} +
find "$site" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' \
	-o -name '*.pyi' -o -name py.typed -o -name RECORD -o -name INSTALLER -o -name REQUESTED -o -name direct_url.json \) -delete
rm -rf "$site/bin" "$site/pyroute2/config/test_platform.py" "$site"/multidict/_testcapi*
find "$site" -name '*.py' -exec sed -i '1{/^#!/d}' {} +
find "$site" -type d -empty -delete
