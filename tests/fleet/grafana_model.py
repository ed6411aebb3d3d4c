"""A dashboard as Grafana's own model reads and writes it: standard input to standard output. Runs in build/fleet."""

from __future__ import annotations

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()
sys.stdout.write(JSONEncoder().encode(Dashboard.from_json(json.load(sys.stdin))))
