#!/usr/bin/env bash
# How the Caddyfile parser of the Mercure hub takes the words of a `mercure` block (github.com/dunglas/mercure/caddy
# v0.24.2 on Caddy v2.11.3; needs go 1.26 or newer, which may fetch its toolchain). Seen 2026-11-28:
#
#   1. Directives need no lines of their own: `demo anonymous` on one line is both. An argument behind a word that takes
#      none is the next directive, and one that nobody knows is passed over without a word.
#   2. Of two lines `cors_origins` the last one replaces the first; the first is not even looked at, so that an origin in
#      it that alone would keep the hub from starting does no harm.
#   3. `publisher_jwt KEY` after `publisher_jwt OTHER HS512` changes the key and keeps HS512.
#   4. An origin with a comma behind it (`https://a.test,`) is taken, as is `https://` alone; one with a slash is refused.
#
# Exits with 1 when one of these is no longer so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/module" && cd "$place/module"
export GOPATH="$place/go" GOFLAGS=-modcacherw
cat > main.go <<'GO'
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/dunglas/mercure/caddy"
)

func main() { caddycmd.Main() }
GO
go mod init finding > log 2>&1
go mod edit -replace golang.org/x/crypto/x509roots/fallback=golang.org/x/crypto/x509roots/fallback@v0.0.0-20260213171211-a408498e5541
go mod edit -require github.com/caddyserver/caddy/v2@v2.11.3 -require github.com/dunglas/mercure/caddy@v0.24.2
{ go mod tidy && go build -o hub .; } >> log 2>&1 || { tail -5 log; exit 2; }
go list -m github.com/dunglas/mercure/caddy github.com/caddyserver/caddy/v2

# what Caddy makes of the lines $1 of a block, as one line of JSON of the handler
handler() {
    printf ':8080 {\n\tmercure {\n%b\n\t}\n}\n' "$1" > Caddyfile
    ./hub adapt --config Caddyfile --adapter caddyfile 2> /dev/null | grep -o '{[^{}]*"handler":"mercure"[^{}]*\({[^{}]*}[^{}]*\)*}' ||
        ./hub adapt --config Caddyfile --adapter caddyfile
}

# whether a hub with the lines $1 besides two keys would start
starts() {
    printf '{\n\tadmin off\n}\n:8080 {\n\tmercure {\n\t\tpublisher_jwt K HS256\n\t\tsubscriber_jwt K HS256\n\t\ttransport local\n%b\n\t}\n}\n' "$1" > Caddyfile
    if ./hub validate --config Caddyfile --adapter caddyfile > validated 2>&1; then echo starts; else echo refused; fi
}

failed=0
expect() { # what it is about, what was seen, what is expected in it
    echo "$1: $2"
    case $2 in *"$3"*) ;; *) echo "  changed: expected $3"; failed=1 ;; esac
}
expect '"demo anonymous" on one line' "$(handler '\t\tdemo anonymous')" '"anonymous":true,"demo":true'
expect 'an unknown word' "$(starts '\t\tno_such_word x')" starts
expect 'two lines of origins' "$(handler '\t\tcors_origins https://a.test\n\t\tcors_origins https://b.test')" '"cors_origins":["https://b.test"]'
expect 'a slash in the first of two lines' "$(starts '\t\tcors_origins https://a.test/\n\t\tcors_origins https://b.test')" starts
expect 'a slash in the only line' "$(starts '\t\tcors_origins https://a.test/')" refused
expect 'a key after a key with HS512' "$(handler '\t\tpublisher_jwt one HS512\n\t\tpublisher_jwt two')" '"publisher_jwt":{"alg":"HS512","key":"two"}'
expect 'a comma behind an origin' "$(starts '\t\tcors_origins https://a.test,')" starts
expect 'a scheme alone' "$(starts '\t\tcors_origins https://')" starts
exit $failed
