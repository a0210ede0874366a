#!/usr/bin/env python3
"""A collector of spans: OTLP over HTTP in JSON, read by the protocol's own definition.

`otlp-collector.py [--tls CERTIFICATE KEY AUTHORITY] [STATUS…]` prints its port, then a line for each request: its status, and what the
protobuf library has decoded of it, as JSON. The statuses are given one after the other, then 200; `hang`
gives none, `partial` takes a part, `nonsense` is no HTTP, `date` is 503 with a date in Retry-After. With
`--tls`, clients need a certificate of the authority; a line then has the client's common name, too.
"""

import base64
import http.server
import json
import ssl
import sys
import time
from email.utils import formatdate

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

answers = sys.argv[1:]
tls = None
if answers[:1] == ["--tls"]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(answers[1], answers[2])
    tls.load_verify_locations(answers[3])
    tls.verify_mode = ssl.CERT_REQUIRED
    answers = answers[4:]
# How many seconds ahead the date of Retry-After is: more than the client's own pause.
DATE_SECONDS = 4


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = answers.pop(0) if answers else "200"
        if answer == "hang":
            print(json.dumps({"status": "hang"}), flush=True)
            time.sleep(3_600)
        if answer == "nonsense":
            print(json.dumps({"status": "nonsense"}), flush=True)
            self.wfile.write(b"nonsense\r\n\r\n")
            return
        status = {"partial": 200, "date": 503}.get(answer) or int(answer)
        now = int(time.time())
        print(json.dumps({
            "status": status,
            "path": self.path,
            "seconds": now,
            "client": self.client(),
            "authorization": self.headers.get("Authorization"),
            "content_type": self.headers["Content-Type"],
            "spans": [span for span in decoded(body)],
        }), flush=True)
        content = b"{}"
        if answer == "partial":
            content = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if answer == "date":
            self.send_header("Retry-After", formatdate(now + DATE_SECONDS, usegmt=True))
        elif status == 503:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(content)

    def client(self) -> str | None:
        if tls is None:
            return None
        subject = self.connection.getpeercert()["subject"]
        return dict(pair for name in subject for pair in name)["commonName"]

    def log_message(self, *_: object) -> None:
        pass


def decoded(body: bytes) -> list:
    """The spans, each with the attributes of its resource; throws if a member is unknown."""
    request = json.loads(body)
    # JSON has the ids in hexadecimal, unlike protobuf's own JSON.
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        assert span[name] == span[name].lower()
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    message = json_format.ParseDict(request, trace_service_pb2.ExportTraceServiceRequest())
    spans = []
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
                spans.append({
                    "name": span.name, "kind": int(span.kind), "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(), "parent": span.parent_span_id.hex(),
                    "state": span.trace_state, "flags": span.flags, "error": span.status.code == 2,
                    "attributes": texts(span.attributes),
                    "resource": texts(resource.resource.attributes),
                })
    return spans


def texts(attributes) -> dict:
    return {
        each.key: str(getattr(each.value, each.value.WhichOneof("value"))) for each in attributes}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        connection, address = super().get_request()
        return (tls.wrap_socket(connection, server_side=True) if tls else connection), address


server = Server(("127.0.0.1", 0), Collector)
print(f"port {server.server_port}", flush=True)
server.serve_forever()
