#!/usr/bin/env bash
# Caddy v2.11.3 (github.com/caddyserver/caddy/v2, built with go): the access log of a reverse_proxy gives a response that
# the client leaves before its end the duration 0, however long it lasted: seen 2026-11-28 with a stream of two seconds.
# Its status is 200 and its size what was sent, so that it looks like an ordinary fast answer. The same stream that the
# server ends has its length; so has one that Caddy answers itself and that the client leaves.
#
# What one would guess: `duration` is how long the exchange took, as it is for all other requests. Whoever makes
# percentiles of streams or downloads from such a log has them full of zeros.
#
# Exits with 1 when that is no longer so.
set -euo pipefail
place=$(mktemp -d)
trap 'kill $pids 2> /dev/null || true; wait 2> /dev/null || true; rm -rf "$place"' EXIT
pids=
mkdir "$place/module" && cd "$place/module"
export GOPATH="$place/go" GOFLAGS=-modcacherw HOME="$place" XDG_DATA_HOME="$place" XDG_CONFIG_HOME="$place"
cat > main.go <<'GO'
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
GO
go mod init finding > log 2>&1
go mod edit -replace golang.org/x/crypto/x509roots/fallback=golang.org/x/crypto/x509roots/fallback@v0.0.0-20260213171211-a408498e5541
go mod edit -require github.com/caddyserver/caddy/v2@v2.11.3
{ go mod tidy && go build -o caddy .; } >> log 2>&1 || { tail -5 log; exit 2; }
go list -m github.com/caddyserver/caddy/v2

cat > upstream.py <<'PYTHON'
import http.server
import time


class Stream(http.server.BaseHTTPRequestHandler):
    """A line every 0.1 s, for 2 s at /ends and without end elsewhere."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for _ in range(20 if self.path == "/ends" else 1000):
                self.wfile.write(b": x\n\n")
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 8201), Stream).serve_forever()
PYTHON
cat > Caddyfile <<'CADDY'
{
	admin off
	persist_config off
	auto_https off
}
http://127.0.0.1:8202 {
	log {
		output file access.log
		format json
	}
	reverse_proxy 127.0.0.1:8201 {
		flush_interval -1
	}
}
CADDY
python3 upstream.py & pids="$pids $!"
./caddy run --config Caddyfile --adapter caddyfile > caddy.log 2>&1 & pids="$pids $!"
python3 - <<'PYTHON'
import json
import http.client
import pathlib
import socket
import time

waiting = [8201, 8202]
while waiting:
    try:
        socket.create_connection(("127.0.0.1", waiting[0]), 1).close()
        waiting.pop(0)
    except OSError:
        time.sleep(0.1)


def watch(path, seconds):
    client = http.client.HTTPConnection("127.0.0.1", 8202, timeout=10)
    client.request("GET", path)
    answer, end = client.getresponse(), time.monotonic() + seconds
    while time.monotonic() < end and answer.readline():
        pass
    client.sock.shutdown(socket.SHUT_RDWR)
    client.close()


watch("/left", 2)
watch("/ends", 60)
lines = []
for _ in range(100):
    lines = [json.loads(line) for line in pathlib.Path("access.log").read_text().splitlines()]
    if len(lines) == 2:
        break
    time.sleep(0.1)
found = {line["request"]["uri"]: (line["status"], line["duration"], line["size"]) for line in lines}
for path, (status, duration, size) in sorted(found.items()):
    print(f"{path}: status {status}, {size} bytes, duration {duration:.3f}")
(left, ended) = found["/left"], found["/ends"]
ok = left[0] == 200 and left[1] == 0 and left[2] > 50 and 1.5 < ended[1] < 4
print("as described" if ok else "changed")
raise SystemExit(0 if ok else 1)
PYTHON
