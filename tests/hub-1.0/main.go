// The core of the hub 1.0 as a plain HTTP server, for tests: what its Caddyfile would say comes from the environment.
//
//	CORE_LISTEN      127.0.0.1:port
//	CORE_ISSUER      the iss that is trusted
//	CORE_RESOURCE    the resource identifier, as in the directive resource_identifier
//	CORE_KEY         one key, HMAC or PEM, as after jwt; or
//	CORE_JWKS        a file with a JWK Set of HMAC keys, as after jwks_uri
//	CORE_ALGORITHMS  the algorithms behind either
//	CORE_ORIGINS     as after cors_origins
//	CORE_COMPATIBLE  as after protocol_version_compatibility; empty: no such directive
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/dunglas/mercure"
	"github.com/golang-jwt/jwt/v5"
)

func verifier() mercure.Verifier {
	algorithms := strings.Fields(os.Getenv("CORE_ALGORITHMS"))
	path := os.Getenv("CORE_JWKS")
	if path == "" {
		return mercure.Static{Key: []byte(os.Getenv("CORE_KEY")), Algorithm: algorithms[0]}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	var set struct {
		Keys []struct{ Kty, K string }
	}
	if err := json.Unmarshal(text, &set); err != nil {
		log.Fatal(err)
	}
	trusted := jwt.VerificationKeySet{}
	for _, key := range set.Keys {
		secret, err := base64.RawURLEncoding.DecodeString(key.K)
		if err != nil || key.Kty != "oct" {
			log.Fatal("not an HMAC key")
		}
		trusted.Keys = append(trusted.Keys, secret)
	}
	return mercure.KeyFunc{
		Keyfunc:    func(*jwt.Token) (any, error) { return trusted, nil },
		Algorithms: algorithms,
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	options := []mercure.Option{
		mercure.WithIssuers([]mercure.Issuer{{
			Identifier: os.Getenv("CORE_ISSUER"), Publisher: verifier(), Subscriber: verifier(),
		}}),
		mercure.WithResourceIdentifier(os.Getenv("CORE_RESOURCE")),
		mercure.WithCORSOrigins(strings.Fields(os.Getenv("CORE_ORIGINS"))),
	}
	if version, err := strconv.Atoi(os.Getenv("CORE_COMPATIBLE")); err == nil {
		options = append(options, mercure.WithProtocolVersionCompatibility(version))
	}
	hub, err := mercure.NewHub(ctx, options...)
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/.well-known/mercure", hub)
	// what the hub says of itself: its audience, whom it trusts, the name of its cookie
	http.Handle("/.well-known/oauth-protected-resource/", hub)
	go func() {
		<-ctx.Done()
		os.Exit(0)
	}()
	log.Fatal(http.ListenAndServe(os.Getenv("CORE_LISTEN"), nil))
}
