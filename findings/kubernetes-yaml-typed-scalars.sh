#!/usr/bin/env bash
# How the YAML reader of Kubernetes' tools takes a scalar without quotes where a text belongs (sigs.k8s.io/yaml v1.6.0;
# needs go 1.24 or newer). Seen 2026-11-28:
#
#   1. Into a Go struct with a field of type string everything is taken, and is another text then: 012 is "10", y is
#      "true", 1_000 is "1000", 1.50 is "1.5", a key of 32 digits is "1.2345679e+31". No error.
#   2. The same document by YAMLToJSON, which is the way of kubectl to the server, keeps the number, and every server
#      refuses it: a program that reads the file by its types says nothing of a manifest that cannot be applied.
#   3. What is too large for a number is a text again: 1e400, and hexadecimal digits of more than 64 bits; a time of day
#      such as 1:30, a number to the base of 60 in YAML 1.1, is one as well.
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
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	for _, word := range os.Args[1:] {
		var typed struct{ V string }
		err := yaml.Unmarshal([]byte("V: "+word), &typed)
		text, _ := yaml.YAMLToJSON([]byte("V: " + word))
		fmt.Printf("%s|%s|%v|%s\n", word, typed.V, err, text)
	}
}
GO
go mod init finding > log 2>&1
go mod edit -require sigs.k8s.io/yaml@v1.6.0
{ go mod tidy && go build -o read .; } >> log 2>&1 || { tail -5 log; exit 2; }
go list -m sigs.k8s.io/yaml

./read 012 y 1_000 1.50 12345678901234567890123456789012 1e400 0xfffffffffffffffff 1:30 | tee seen
diff - seen <<'SEEN' || { echo "it is otherwise now"; exit 1; }
012|10|<nil>|{"V":10}
y|true|<nil>|{"V":true}
1_000|1000|<nil>|{"V":1000}
1.50|1.5|<nil>|{"V":1.5}
12345678901234567890123456789012|1.2345679e+31|<nil>|{"V":1.2345678901234567e+31}
1e400|1e400|<nil>|{"V":"1e400"}
0xfffffffffffffffff|0xfffffffffffffffff|<nil>|{"V":"0xfffffffffffffffff"}
1:30|1:30|<nil>|{"V":"1:30"}
SEEN
echo "as it was seen"
