"""otlp.py PORT FILE [ADDRESS]: an OTLP/HTTP receiver; FILE is the sum of bpf.packets of class ipv4 that came last."""

import pathlib
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, "/usr/lib/sonic-telegen/site")
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

out = pathlib.Path(sys.argv[2])


def written(body: bytes) -> None:
    request = ExportMetricsServiceRequest.FromString(body)
    for metrics in (scope.metrics for part in request.resource_metrics for scope in part.scope_metrics):
        for metric in metrics:
            if metric.name == "bpf.packets":
                points = [
                    point.as_int
                    for point in metric.sum.data_points
                    if any(a.key == "proto" and a.value.string_value == "ipv4" for a in point.attributes)
                ]
                fresh = out.with_suffix(".new")
                fresh.write_text(str(sum(points)))
                fresh.rename(out)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        written(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


HTTPServer((sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
