#!/usr/bin/env bash
# Caddy 2.11.3 (Go module; needs go 1.26 or newer): the lines `header_down` of a reverse_proxy are not done in the order in
# which they are written. Whatever their order, first all that add (+), then all that set, then all that delete (-). So a
# value that is added behind a line that sets the header is lost, and to set one behind a line that deletes it leaves none.
# Two `header` directives keep their order between each other, and have the same within a block. Seen 2026-11-28.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
place=$(mktemp -d)
pid=
trap 'kill $pid 2> /dev/null || true; wait 2> /dev/null || true; rm -rf "$place"' EXIT
mkdir "$place/module" && cd "$place/module"
export GOPATH="$place/go" GOFLAGS=-modcacherw HOME="$place" XDG_DATA_HOME="$place"
cat > main.go << 'GO'
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
GO
go mod init finding > log 2>&1
go mod edit -replace golang.org/x/crypto/x509roots/fallback=golang.org/x/crypto/x509roots/fallback@v0.0.0-20260213171211-a408498e5541
go get github.com/caddyserver/caddy/v2@v2.11.3 >> log 2>&1
go mod tidy >> log 2>&1
go build -o caddy . >> log 2>&1

cat > Caddyfile << 'CADDY'
{
	admin off
	auto_https off
}
http://:8110 {
	bind 127.0.0.1
	header X-It theirs
	respond ok
}
http://:8111 {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:8110
}
http://:8112 {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:8110 {
		header_down X-It set
		header_down +X-It added
	}
}
http://:8113 {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:8110 {
		header_down -X-It
		header_down X-It set
	}
}
http://:8114 {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:8110 {
		header_down +X-It added
	}
}
CADDY
./caddy run --config Caddyfile --adapter caddyfile > run.log 2>&1 &
pid=$!

python3 - << 'PYTHON'
import http.client
import sys
import time

EXPECTED = {
    8111: ("nothing changed", ["theirs"]),
    8112: ("set, then added to", ["set"]),
    8113: ("deleted, then set", []),
    8114: ("added to", ["theirs", "added"]),
}


def asked(port):
    for _ in range(100):
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client.request("GET", "/")
            return client.getresponse().headers.get_all("X-It") or []
        except OSError:
            time.sleep(0.1)
    sys.exit("Caddy does not answer")


wrong = False
for port, (what, expected) in EXPECTED.items():
    said = asked(port)
    print(f"{what}: {said}" + ("" if said == expected else f", expected {expected}"))
    wrong |= said != expected
sys.exit(wrong)
PYTHON
