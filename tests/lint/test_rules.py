"""Each rule with the smallest files in which it finds something, and the nearest ones in which nothing is wrong."""

import base64
import hashlib
import hmac
import json
import re

import pytest

from mercure_deploy import lint
from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.lint.rules import RULES

KEY, OTHER = "ab" * 32, "cd" * 32
BOTH = f"MERCURE_PUBLISHER_JWT_KEY={KEY}\nMERCURE_SUBSCRIBER_JWT_KEY={KEY}\n"
HUB = f"{BOTH}SERVER_NAME=:80\nMERCURE_EXTRA_DIRECTIVES='cors_origins https://app.example.com'\n"
APP = f"""\
MERCURE_JWT_SECRET={KEY}
MERCURE_URL=http://hub/.well-known/mercure
MERCURE_PUBLIC_URL=https://hub.example.com/.well-known/mercure
"""
IMAGE = "dunglas/mercure:v0.24.2"
Files = dict[str, str]
PAGE, HUB_URL = "https://app.example.com", "https://hub.example.com"


def token(key: str = KEY, algorithm: str = "HS256", **claims: object) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, {"mercure": {"publish": ["*"]}, **claims}]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    signature = hmac.new(key.encode(), text.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def block(*lines: str, address: str = ":80", site: str = "") -> str:
    inner = "\n\t\t".join(lines)
    return f"{address} {{\n\t{site}\n\tmercure {{\n\t\t{inner}\n\t}}\n}}\n"


def keyed(*lines: str, **words: str) -> str:
    return block(f"publisher_jwt {KEY}", f"subscriber_jwt {KEY}", *lines, **words)


def compose(*lines: str, image: str = IMAGE) -> str:
    return "\n".join(["services:", "  mercure:", f"    image: {image}", *(f"    {line}" for line in lines), ""])


def environment(**more: str) -> list[str]:
    values = {"MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY, "SERVER_NAME": "':80'", **more}
    return ["environment:", *(f"  {name}: {value}" for name, value in values.items())]


def configured(secret: str) -> str:
    return f"mercure:\n  hubs:\n    default:\n      jwt:\n        secret: '{secret}'\n"


def nginx(
    *lines: str,
    beside: str = "",
    location: str = "^~ /.well-known/mercure",
    target: str = "http://hub:3000",
    host: str = "proxy_set_header Host $host;",
) -> str:
    inner = "\n    ".join((f"proxy_pass {target};", host, *lines))
    return f"server {{\n  server_name hub.example.com;\n  {beside}\n  location {location} {{\n    {inner}\n  }}\n}}\n"


def front(*lines: str, target: str = "mercure:80", inside: str = "", block: str = "handle") -> str:
    """A Caddy in front of a hub."""
    proxy = f"reverse_proxy {target}" + (f" {{\n\t\t\t{inside}\n\t\t}}" if inside else "")
    inner = "\n\t".join((*lines, f"{block} /.well-known/mercure* {{\n\t\t{proxy}\n\t}}", "php_fastcgi php:9000"))
    return f"app.example.com {{\n\t{inner}\n}}\n"


def labelled(*said: str, **more: str) -> str:
    """A hub behind Traefik."""
    name = "traefik.http"
    router = [f"{name}.routers.hub.rule=Host(`hub.example.com`)", f"{name}.routers.hub.middlewares=one@docker"]
    return compose(*environment(**more), "labels:", *(f"  - {line}" for line in (*router, *said)))


PORT = "traefik.http.services.hub.loadbalancer.server.port"
ONE = "traefik.http.middlewares.one"
BEHIND = {"compose.yaml": compose(*environment())}


def app(**changed: str) -> str:
    lines = dict(line.split("=", 1) for line in APP.splitlines())
    return "".join(f"{name}={value}\n" for name, value in {**lines, **changed}.items())


def hub(**changed: str) -> str:
    return "".join(f"{line}\n" for line in HUB.splitlines() if line.split("=")[0] not in changed) + "".join(
        f"{name}={value}\n" for name, value in changed.items()
    )


def words(told: dict[str, object]) -> lint.Told:
    """What a case tells besides its files."""
    return lint.Told(
        tuple(parse_origin(str(page)) for page in told.get("pages", ())),  # type: ignore[attr-defined]
        parse_origin(str(told["hub"])) if "hub" in told else None,
        told.get("version"),  # type: ignore[arg-type]
        frozenset(told.get("tracked", ())),  # type: ignore[call-overload]
        told.get("now"),  # type: ignore[arg-type]
    )


def ids(files: Files, **told: object) -> list[str]:
    """What is found, as id, file and line."""
    examined = lint.examine([*files.items()], words(told), lambda _: True)
    return [f"{each.id} {each.file}:{each.line}" for each in examined.findings]


HOUSE = {"app.env": APP}
# the id and place of what is wrong, the files, those that are right, and what is told of both
CASES: list[tuple[str, Files, Files, dict[str, object]]] = [
    (
        "key-mismatch hub.env:1",
        {"app.env": app(MERCURE_JWT_SECRET=OTHER), "hub.env": HUB},
        {"app.env": APP, "hub.env": HUB},
        {},
    ),
    (
        "key-mismatch hub.env:4",
        {"hub.env": hub(MERCURE_SUBSCRIBER_JWT_KEY=OTHER), "app.env": APP.partition("\n")[2]},
        {"hub.env": hub(MERCURE_SUBSCRIBER_JWT_KEY="${KEY}")},
        {},
    ),
    (
        "key-mismatch token.txt:1",
        {"hub.env": HUB, "token.txt": token(OTHER)},
        {"hub.env": HUB, "token.txt": token()},
        {},
    ),
    (
        "key-placeholder app.env:1",
        {"app.env": app(MERCURE_JWT_SECRET="!ChangeThisMercureHubJWTSecretKey!")},
        {"app.env": app(MERCURE_JWT_SECRET="Changing-" + "x1" * 16)},
        {},
    ),
    ("key-placeholder token.txt:1", {"token.txt": token("!ChangeMe!")}, {"token.txt": token()}, {}),
    (
        "key-too-short app.env:1",
        {"app.env": app(MERCURE_JWT_SECRET="a" * 31)},
        {"app.env": app(MERCURE_JWT_SECRET="ab" * 16)},
        {},
    ),
    (
        "key-missing hub.env:4",
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="")},
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="$KEY")},
        {},
    ),
    (
        "key-missing compose.yaml:2",
        {"compose.yaml": compose("environment: {SERVER_NAME: ':80'}")},
        {"compose.yaml": compose("env_file: hub.env")},
        {},
    ),
    (
        "key-missing Caddyfile:3",
        {"Caddyfile": block(f"publisher_jwt {KEY}")},
        {"Caddyfile": block(f"publisher_jwt {KEY}", "anonymous")},
        {},
    ),
    (
        "jwt-key-confusion app.env:1",
        {"app.env": app(MERCURE_JWT_SECRET=token())},
        {"app.env": app(MERCURE_JWT_TOKEN="%env(TOKEN)%").replace("MERCURE_JWT_TOKEN", "OTHER_TOKEN")},
        {},
    ),
    (
        "alg-mismatch hub.env:5",
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_ALG="RS256")},
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_ALG="HS256")},
        {},
    ),
    (
        "alg-mismatch hub.env:5",
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_ALG="HMAC")},
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_ALG="HS512")},
        {},
    ),
    (
        "alg-mismatch token.txt:1",
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_ALG="HS512"), "token.txt": token()},
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_ALG="HS512"), "token.txt": token(algorithm="HS512")},
        {},
    ),
    (
        "alg-mismatch Caddyfile:6",
        {
            "Caddyfile": block(
                "publisher_jwt `-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----` HS256", "anonymous"
            )
        },
        {
            "Caddyfile": block(
                "publisher_jwt `-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----` RS256", "anonymous"
            )
        },
        {},
    ),
    (
        "alg-mismatch config/mercure.yaml:5",
        {
            "config/mercure.yaml": "mercure:\n  hubs:\n    default:\n      jwt:\n        algorithm: rsa.sha256\n",
            "app.env": APP,
        },
        {
            "config/mercure.yaml": "mercure:\n  hubs:\n    default:\n      jwt:\n        algorithm: hmac.sha256\n",
            "app.env": APP,
        },
        {},
    ),
    (
        "alg-mismatch config/mercure.yaml:5",
        {
            "config/mercure.yaml": "mercure:\n  hubs:\n    default:\n      jwt:\n        algorithm: hmac.sha512\n",
            "hub.env": hub(MERCURE_PUBLISHER_JWT_ALG="HS256"),
        },
        {
            "config/mercure.yaml": "mercure:\n  hubs:\n    default:\n      jwt:\n        algorithm: hmac.sha512\n",
            "hub.env": hub(MERCURE_PUBLISHER_JWT_ALG="HS512"),
        },
        {},
    ),
    (
        "pem-in-env hub.env:4",
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="/run/keys/public.pem")},
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="/" + "b+" * 40)},
        {},
    ),
    ("pem-in-env hub.env:4", {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="'$(cat public.pem)'")}, {"hub.env": HUB}, {}),
    (
        "pem-in-env hub.env:4",
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="'-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----'")},
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="'-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----'")},
        {},
    ),
    (
        "pem-in-env hub.env:4",
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="'-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----'")},
        {"hub.env": HUB},
        {},
    ),
    (
        "pem-in-env hub.env:4",
        {"hub.env": hub(MERCURE_PUBLISHER_JWT_KEY="'-----BEGIN PUBLIC KEY-----AA-----END PUBLIC KEY-----'")},
        {"hub.env": HUB},
        {},
    ),
    (
        "secret-exposure app.env:1",
        {"app.env": APP},
        {"app.env": app(MERCURE_JWT_SECRET="%env(KEY)%")},
        {"tracked": ["app.env"]},
    ),
    ("token-lifecycle token.txt:1", {"token.txt": token(exp=100, iat=200)}, {"token.txt": token(exp=300, iat=200)}, {}),
    ("topic-claim-mismatch token.txt:1", {"token.txt": token(mercure="*")}, {"token.txt": token()}, {}),
    (
        "topic-claim-mismatch token.txt:1",
        {"token.txt": token()},
        {"token.txt": token(authorization_details=[])},
        {"version": "1.0"},
    ),
    (
        "env-var-obsolete app.env:4",
        {"app.env": app(MERCURE_PUBLISH_URL="http://hub/.well-known/mercure")},
        {"app.env": app(MERCURE_PUBLIC="x")},
        {},
    ),
    (
        "env-var-obsolete hub.env:5",
        {"hub.env": hub(CORS_ALLOWED_ORIGINS="https://app.example.com")},
        {"hub.env": HUB, "api.env": "CORS_ALLOW_ORIGIN=x\nALLOWED_HOSTS=y\n"},
        {},
    ),
    (
        "directive-syntax Caddyfile:6",
        {"Caddyfile": keyed("cors_origin https://app.example.com").replace("cors_origin ", "cor_origins ")},
        {"Caddyfile": keyed("cors_origins https://app.example.com")},
        {},
    ),
    (
        "directive-syntax Caddyfile:6",
        {"Caddyfile": keyed("cors_origins https://a.example.com, https://b.example.com")},
        {"Caddyfile": keyed("cors_origins https://a.example.com https://b.example.com")},
        {},
    ),
    (
        "directive-syntax Caddyfile:6",
        {"Caddyfile": keyed("cors_origins https://a.example.com/")},
        {"Caddyfile": keyed("cors_origins https://a.example.com")},
        {},
    ),
    (
        "directive-syntax Caddyfile:6",
        {"Caddyfile": keyed("cors_origins https://*.example.com")},
        {"Caddyfile": keyed("cors_origins https://a.example.com")},
        {"version": "0.14.3"},
    ),
    (
        "directive-syntax Caddyfile:6",
        {"Caddyfile": keyed("cors_origins app.example.com")},
        {"Caddyfile": keyed("cors_origins {$ORIGIN:https://app.example.com}")},
        {},
    ),
    ("directive-syntax Caddyfile:6", {"Caddyfile": keyed("heartbeat: 15s")}, {"Caddyfile": keyed("heartbeat 15s")}, {}),
    (
        "directive-syntax Caddyfile:6",
        {"Caddyfile": keyed("transport bolt:///data/a.db")},
        {"Caddyfile": keyed("transport bolt")},
        {},
    ),
    (
        "directive-syntax hub.env:4",
        {"hub.env": hub(MERCURE_EXTRA_DIRECTIVES="'anonymous cors_origins https://app.example.com'")},
        {"hub.env": hub(MERCURE_EXTRA_DIRECTIVES="'cors_origins https://app.example.com\nsubscriptions'")},
        {},
    ),
    ("directive-syntax compose.yaml:2", {"compose.yaml": "services:\n\t- a\n"}, {"compose.yaml": ""}, {}),
    (
        "directive-syntax Caddyfile:5",
        {"Caddyfile": ":80 {\n\trespond ok\n}\n\n}\n"},
        {"Caddyfile": ":80 {\n\trespond ok\n}\n"},
        {},
    ),
    (
        "hub-upgrade-break Caddyfile:6",
        {"Caddyfile": keyed("transport_url bolt:///data/a.db")},
        {"Caddyfile": keyed("transport bolt")},
        {},
    ),
    (
        "hub-upgrade-break Caddyfile:4",
        {"Caddyfile": keyed()},
        {"Caddyfile": keyed("protocol_version_compatibility 8")},
        {"version": "1.0"},
    ),
    (
        "hub-upgrade-break Caddyfile:6",
        {"Caddyfile": keyed("issuer https://app.example.com", address="hub.example.com")},
        {"Caddyfile": keyed()},
        {"version": "0.24"},
    ),
    (
        "hub-upgrade-break hub.env:5",
        {"hub.env": hub(MERCURE_TRANSPORT_URL="bolt:///data/a.db")},
        {"hub.env": hub(MERCURE_EXTRA="x")},
        {},
    ),
    (
        "hub-upgrade-break compose.yaml:3",
        {"compose.yaml": compose(*environment(), image="dunglas/mercure")},
        {"compose.yaml": compose(*environment(), image="dunglas/mercure:v0.24.2")},
        {},
    ),
    (
        "hub-upgrade-break compose.yaml:4",
        {"compose.yaml": compose("command: caddy run --config /etc/caddy/Caddyfile.dev")},
        {"compose.yaml": compose("command: caddy run --config /etc/caddy/Caddyfile")},
        {},
    ),
    (
        "key-quoting app.env:1",
        {"app.env": app(MERCURE_JWT_SECRET="ab$cd" * 8)},
        {"app.env": app(MERCURE_JWT_SECRET="'" + "ab$cd" * 8 + "'")},
        {},
    ),
    (
        "key-quoting app.env:1",
        {"app.env": app(MERCURE_JWT_SECRET="'" + KEY)},
        {"app.env": app(MERCURE_JWT_SECRET=f"'{KEY}'")},
        {},
    ),
    (
        "key-quoting app.env:1",
        {"app.env": app(MERCURE_JWT_SECRET=f" {KEY}")},
        {"app.env": app(MERCURE_JWT_SECRET=f'"{KEY}" # new')},
        {},
    ),
    (
        "key-quoting app.env:1",
        {"app.env": app(MERCURE_JWT_SECRET=f"{KEY} {KEY}")},
        {"app.env": app(MERCURE_JWT_SECRET=f"{KEY} # {KEY}")},
        {},
    ),
    (
        "key-quoting app.env:1",
        {"app.env": app(MERCURE_JWT_SECRET=f'{KEY}"')},
        {"app.env": app(MERCURE_JWT_SECRET=f'"{KEY}"')},
        {},
    ),
    (
        "key-quoting compose.yaml:5",
        {"compose.yaml": compose("environment:", f"  - MERCURE_PUBLISHER_JWT_KEY='{KEY}'", "  - SERVER_NAME=:80")},
        {"compose.yaml": compose(*environment(MERCURE_PUBLISHER_JWT_KEY=f"'{KEY}'"))},
        {},
    ),
    (
        "tooling-override hub.env:1",
        {
            "compose.yaml": compose(
                "env_file: hub.env", *environment(MERCURE_PUBLISHER_JWT_KEY=OTHER, MERCURE_SUBSCRIBER_JWT_KEY=OTHER)[:2]
            ),
            "hub.env": BOTH,
        },
        {"compose.yaml": compose("env_file: ./hub.env", *environment()), "hub.env": BOTH},
        {},
    ),
    (
        "port-conflict compose.yaml:12",
        {
            "compose.yaml": compose(*environment(), "ports: ['8080:80']")
            + "  web:\n    image: nginx\n    ports:\n      - '8080:80'\n"
        },
        {
            "compose.yaml": compose(*environment(), "ports: ['8080:80']")
            + "  web:\n    image: nginx\n    ports:\n      - '8081:80'\n"
        },
        {},
    ),
    (
        "transport-not-shared compose.yaml:8",
        {"compose.yaml": compose(*environment(), "deploy: {replicas: 2}")},
        {"compose.yaml": compose(*environment(), "deploy: {replicas: 1}")},
        {},
    ),
    (
        "storage-permissions Caddyfile:6",
        {
            "Caddyfile": keyed("transport bolt {\npath /srv/a.db\n}"),
            "compose.yaml": compose(*environment(), "volumes: ['data:/data']"),
        },
        {
            "Caddyfile": keyed("transport bolt {\npath /data/a.db\nsize 100\n}"),
            "compose.yaml": compose(*environment(), "volumes: ['data:/data']"),
        },
        {},
    ),
    ("internal-url-wrong app.env:2", {"app.env": app(MERCURE_URL="")}, {"app.env": APP}, {}),
    (
        "internal-url-wrong app.env:2",
        {"app.env": app(MERCURE_URL="https://example.com/.well-known/mercure")},
        {"app.env": APP},
        {},
    ),
    (
        "internal-url-wrong app.env:2",
        {"app.env": app(MERCURE_URL="https://hub/.well-known/mercure")},
        {"app.env": app(MERCURE_URL="https://hub.example.com/.well-known/mercure")},
        {},
    ),
    (
        "internal-url-wrong app.env:2",
        {"app.env": app(MERCURE_URL="http://hub")},
        {"app.env": app(MERCURE_URL="http://hub/hub")},
        {},
    ),
    ("internal-url-wrong app.env:2", {"app.env": app(MERCURE_URL="hub")}, {"app.env": app(MERCURE_URL="'${HUB}'")}, {}),
    (
        "internal-url-wrong app.env:2",
        {
            "app.env": app(MERCURE_URL="http://mercure:8080/.well-known/mercure"),
            "compose.yaml": compose(*environment(), "ports: ['8080:80']"),
        },
        {
            "app.env": app(MERCURE_URL="http://mercure:80/.well-known/mercure"),
            "compose.yaml": compose(*environment(), "ports: [{target: 80, published: '8080'}]"),
        },
        {},
    ),
    (
        "public-url-wrong app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="http://127.0.0.1/.well-known/mercure")},
        {"app.env": APP},
        {},
    ),
    (
        "public-url-wrong app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="http://localhost/.well-known/mercure", APP_ENV="dev")},
        {"app.env": APP},
        {},
    ),
    (
        "public-url-wrong app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="http://hub/.well-known/mercure")},
        {"app.env": APP},
        {},
    ),
    (
        "public-url-wrong app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="http://hub.example.com/.well-known/mercure")},
        {"app.env": APP},
        {"pages": [PAGE]},
    ),
    (
        "public-url-wrong app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="https://example.com/.well-known/mercure")},
        {"app.env": app(MERCURE_PUBLIC_URL="https://hub.shop.fr/.well-known/mercure")},
        {"pages": ["https://www.shop.fr"]},
    ),
    (
        "public-url-wrong hub.env:3",
        {"hub.env": HUB},
        {"app.env": APP},
        {"pages": [PAGE], "hub": "http://localhost:3000"},
    ),
    (
        "cors-wildcard-credentials Caddyfile:6",
        {"Caddyfile": keyed("cors_origins *")},
        {"Caddyfile": keyed("cors_origins https://*.example.com")},
        {},
    ),
    (
        "cors-origin-missing Caddyfile:3",
        {"Caddyfile": keyed()},
        {"Caddyfile": keyed("cors_origins https://app.example.com")},
        {"pages": [PAGE], "hub": HUB_URL},
    ),
    (
        "cors-origin-mismatch Caddyfile:6",
        {"Caddyfile": keyed("cors_origins http://app.example.com")},
        {"Caddyfile": keyed("cors_origins https://*.example.com")},
        {"pages": [PAGE], "hub": HUB_URL},
    ),
    (
        "cors-origin-mismatch Caddyfile:6",
        {"Caddyfile": keyed("cors_origins 'https://app.example.com'")},
        {"Caddyfile": keyed('cors_origins "https://app.example.com"')},
        {},
    ),
    (
        "cookie-scope app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="https://hub.localhost/.well-known/mercure")},
        {"app.env": app(MERCURE_PUBLIC_URL="https://localhost:3000/.well-known/mercure")},
        {"pages": ["https://localhost"]},
    ),
    (
        "cross-site-domain app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="https://hub.other.org/.well-known/mercure")},
        {"app.env": APP},
        {"pages": [PAGE]},
    ),
    (
        "cross-site-domain Caddyfile:6",
        {"Caddyfile": keyed("cors_origins https://app.other.org", address="hub.example.com")},
        {"Caddyfile": keyed("cors_origins https://app.example.com", address="hub.example.com")},
        {},
    ),
    (
        "cross-site-domain Caddyfile:2",
        {
            "Caddyfile": keyed(
                address="hub.example.com", site="header Access-Control-Allow-Origin https://app.other.org"
            )
        },
        {
            "Caddyfile": keyed(
                address="hub.example.com", site="header Access-Control-Allow-Origin https://app.example.com"
            )
        },
        {},
    ),
    (
        "shared-domain app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="https://hub.sslip.io/.well-known/mercure")},
        {"app.env": app(MERCURE_PUBLIC_URL="https://app.sslip.io/.well-known/mercure")},
        {"pages": ["https://app.sslip.io"]},
    ),
    ("anonymous Caddyfile:6", {"Caddyfile": keyed("demo")}, {"Caddyfile": keyed("subscriptions")}, {}),
    (
        "audience-mismatch Caddyfile:3",
        {"Caddyfile": block("issuer https://app.example.com")},
        {
            "Caddyfile": block(
                "issuer https://app.example.com", "resource_identifier https://hub.example.com/.well-known/mercure"
            )
        },
        {},
    ),
    (
        "server-name-mismatch app.env:3",
        {"app.env": APP, "hub.env": hub(SERVER_NAME="hub.other.com")},
        {"app.env": APP, "hub.env": hub(SERVER_NAME="hub.example.com, hub")},
        {},
    ),
    (
        "server-name-mismatch app.env:2",
        {"app.env": app(MERCURE_URL="http://hub.example.com:3000/.well-known/mercure"), "hub.env": BOTH},
        {"app.env": app(MERCURE_URL="http://hub.example.com:80/.well-known/mercure"), "hub.env": BOTH},
        {},
    ),
    (
        "tls-mode-mismatch app.env:2",
        {
            "app.env": app(
                MERCURE_URL="http://hub.example.com:8443/.well-known/mercure",
                MERCURE_PUBLIC_URL="https://hub.example.com:8443/.well-known/mercure",
            )
        },
        {
            "app.env": app(
                MERCURE_URL="http://hub.example.com:8080/.well-known/mercure",
                MERCURE_PUBLIC_URL="https://hub.example.com:8443/.well-known/mercure",
            )
        },
        {},
    ),
    (
        "tls-mode-mismatch app.env:3",
        {
            "app.env": app(MERCURE_PUBLIC_URL="https://hub.example.com:8443/.well-known/mercure"),
            "hub.env": hub(SERVER_NAME=":8443"),
        },
        {
            "app.env": app(MERCURE_PUBLIC_URL="https://hub.example.com:8443/.well-known/mercure"),
            "hub.env": hub(SERVER_NAME="hub.example.com:8443, hub"),
        },
        {},
    ),
    (
        "tls-mode-mismatch hub.env:4",
        {"hub.env": hub(SERVER_NAME="hub.example.com")},
        {"hub.env": hub(SERVER_NAME="http://hub.example.com")},
        {"hub": "http://hub.example.com", "pages": []},
    ),
    (
        "tls-mode-mismatch compose.yaml:7",
        {"compose.yaml": compose(*environment()[:3], "ports: ['8080:80']")},
        {"compose.yaml": compose(*environment(), "ports: ['8080:80']")},
        {},
    ),
    (
        "tls-mode-mismatch Caddyfile:1",
        {"Caddyfile": keyed(address="http://hub.example.com", site="tls internal")},
        {"Caddyfile": keyed(address="https://hub.example.com", site="tls internal")},
        {},
    ),
    (
        "healthcheck-broken compose.yaml:8",
        {"compose.yaml": compose(*environment(), "healthcheck: {test: curl -f localhost}")},
        {"compose.yaml": compose(*environment(), "healthcheck: {test: wget -q localhost/healthz}")},
        {},
    ),
    (
        "healthcheck-broken compose.yaml:8",
        {
            "compose.yaml": compose(
                *environment(), "healthcheck: {test: [CMD, wget, localhost/healthz]}", image="dunglas/mercure:v1.0.0"
            )
        },
        {"compose.yaml": compose(*environment(), "healthcheck: {test: [CMD, wget, localhost/healthz]}")},
        {},
    ),
    (
        "directive-syntax Caddyfile:7",
        {"Caddyfile": keyed("cors_origins https://a.example.com", "https://b.example.com")},
        {"Caddyfile": keyed("cors_origins https://a.example.com \\", "https://b.example.com")},
        {},
    ),
    (
        "public-url-wrong app.env:3",
        {"app.env": app(MERCURE_PUBLIC_URL="https://hub.example.com")},
        {"app.env": app(MERCURE_PUBLIC_URL="https://hub.example.com/hub")},
        {},
    ),
    (
        "internal-url-wrong app.env:2",
        {
            "app.env": app(MERCURE_URL="http://localhost/.well-known/mercure"),
            "compose.yaml": compose(*environment()) + "  web: {image: web, env_file: app.env}\n",
        },
        {"app.env": app(MERCURE_URL="http://localhost/.well-known/mercure"), "compose.yaml": compose(*environment())},
        {},
    ),
    *[
        (
            f"{found} hub.conf:{line}",
            {"hub.conf": nginx(wrong), **HOUSE},
            {"hub.conf": nginx(right), **HOUSE},
            {"hub": HUB_URL},
        )
        for found, line, wrong, right in (
            ("proxy-timeout-buffering", 7, "proxy_read_timeout 30s;", "proxy_read_timeout 1h;"),
            ("proxy-timeout-buffering", 7, "proxy_ignore_headers X-Accel-Buffering;", "proxy_cache all;"),
            ("proxy-not-routing", 7, 'auth_basic "no"; auth_basic_user_file users;', "auth_basic off;"),
            ("proxy-not-routing", 7, "limit_except GET { deny all; }", "limit_except GET POST { deny all; }"),
            ("credentials-not-sent", 7, 'proxy_set_header Authorization "";', "proxy_set_header Authorization $x;"),
            ("credentials-not-sent", 7, "proxy_set_header Cookie '';", 'proxy_set_header Upgrade "";'),
            (
                "cors-origin-mismatch",
                7,
                "add_header Access-Control-Allow-Origin *;",
                "add_header X-Frame-Options DENY;",
            ),
            ("cors-origin-mismatch", 7, "if ($request_method = OPTIONS) { return 204; }", "if ($a) { set $b 1; }"),
        )
    ],
    (
        "proxy-not-routing hub.conf:5",
        {"hub.conf": nginx(location="/.well-known/mercure", target="http://hub:3000/")},
        {"hub.conf": nginx(location="/.well-known/mercure", target="http://hub:3000/.well-known/mercure")},
        {},
    ),
    (
        "proxy-not-routing hub.conf:3",
        {"hub.conf": nginx(beside="location ~ /\\. { deny all; }", location="/.well-known/mercure")},
        {"hub.conf": nginx(beside="location ~ /\\. { deny all; }")},
        {},
    ),
    (
        "server-name-mismatch hub.conf:4",
        {"hub.conf": nginx(host=""), "hub.env": hub(SERVER_NAME="http://hub.example.com")},
        {"hub.conf": nginx(), "hub.env": hub(SERVER_NAME="http://hub.example.com")},
        {"hub": HUB_URL},
    ),
    (
        "directive-syntax hub.conf:9",
        {"hub.conf": f"{nginx()}}}"},
        {"hub.conf": nginx()},
        {},
    ),
    (
        "key-missing values.yaml:1",
        {"values.yaml": "publisherJwtKey: ''\nsubscriberJwtKey: " + KEY},
        {"values.yaml": f"publisherJwtKey: {KEY}\nsubscriberJwtKey: {KEY}\n"},
        {},
    ),
    (
        "key-mismatch values.yaml:4",
        {"app.env": APP, "values.yaml": f"x: 1\nmercure:\n  subscriberJwtKey: {KEY}\n  publisherJwtKey: {OTHER}\n"},
        {"app.env": APP, "values.yaml": f"x: 1\nmercure:\n  subscriberJwtKey: {KEY}\n  publisherJwtKey: {KEY}\n"},
        {},
    ),
    (
        "key-placeholder values.yaml:3",
        {"values.yaml": "mercure:\n  publicUrl: https://hub.example.com/x\n  jwtSecret: '!ChangeMe!'"},
        {"values.yaml": f"mercure:\n  publicUrl: https://hub.example.com/x\n  jwtSecret: {KEY}"},
        {},
    ),
    (
        "cors-origin-missing values.yaml:2",
        {"values.yaml": "existingSecret: mine\nextraDirectives: cors_origins https://a.example.com\n"},
        {"values.yaml": "existingSecret: mine\nextraDirectives: ''\n"},
        {},
    ),
    (
        "transport-not-shared values.yaml:1",
        {"values.yaml": f"replicaCount: 3\nsubscriberJwtKey: {KEY}\npublisherJwtKey: {KEY}\n"},
        {"values.yaml": f"replicaCount: 1\nsubscriberJwtKey: {KEY}\npublisherJwtKey: {KEY}\n"},
        {},
    ),
    (
        "transport-not-shared values.yaml:2",
        {"values.yaml": f"autoscaling:\n  enabled: true\nsubscriberJwtKey: {KEY}\npublisherJwtKey: {KEY}\n"},
        {"values.yaml": f"autoscaling:\n  enabled: false\nsubscriberJwtKey: {KEY}\npublisherJwtKey: {KEY}\n"},
        {},
    ),
    (
        "anonymous values.yaml:1",
        {"values.yaml": f"dev: true\nsubscriberJwtKey: {KEY}\npublisherJwtKey: {KEY}\n"},
        {"values.yaml": f"dev: false\nsubscriberJwtKey: {KEY}\npublisherJwtKey: {KEY}\n"},
        {},
    ),
    (
        "key-mismatch hub.env:1",
        {
            "app.env": f"MY_SECRET={OTHER}\n",
            "config/packages/mercure.yaml": configured("%env(MY_SECRET)%"),
            "hub.env": HUB,
        },
        {
            "app.env": f"MY_SECRET={KEY}\n",
            "config/packages/mercure.yaml": configured("%env(MY_SECRET)%"),
            "hub.env": HUB,
        },
        {},
    ),
    (
        "key-mismatch hub.env:1",
        {"config/packages/mercure.yaml": configured(OTHER), "hub.env": HUB},
        {"config/packages/mercure.yaml": configured("%env(file:resolve:KEY_FILE)%"), "hub.env": HUB},
        {},
    ),
    (
        "proxy-not-routing Caddyfile:3",
        {"Caddyfile": front(target="mercure:3000"), **BEHIND},
        {"Caddyfile": front(target="other:3000"), **BEHIND},
        {},
    ),
    (
        "tls-mode-mismatch Caddyfile:3",
        {"Caddyfile": front(), "compose.yaml": compose(*environment(SERVER_NAME="hub.example.com"))},
        {"Caddyfile": front(), "compose.yaml": compose(*environment(SERVER_NAME="http://hub.example.com"))},
        {"hub": HUB_URL},
    ),
    (
        "tls-mode-mismatch Caddyfile:3",
        {"Caddyfile": front(target="https://mercure:80"), **BEHIND},
        {"Caddyfile": front(target="https://mercure"), "compose.yaml": compose("env_file: some.env")},
        {},
    ),
    (
        "proxy-not-routing Caddyfile:2",
        {"Caddyfile": front(block="handle_path"), **BEHIND},
        {"Caddyfile": front(), **BEHIND},
        {},
    ),
    (
        "proxy-not-routing Caddyfile:2",
        {"Caddyfile": front("uri strip_prefix /.well-known/mercure"), **BEHIND},
        {"Caddyfile": front("uri strip_prefix /other"), **BEHIND},
        {},
    ),
    (
        "proxy-not-routing Caddyfile:2",
        {"Caddyfile": front("basic_auth {\n\t\tme hash\n\t}"), **BEHIND},
        {"Caddyfile": front("basic_auth /admin* {\n\t\tme hash\n\t}"), **BEHIND},
        {},
    ),
    (
        "credentials-not-sent Caddyfile:4",
        {"Caddyfile": front(inside="header_up -Cookie"), **BEHIND},
        {"Caddyfile": front(inside="header_up X-Real-IP {remote_host}"), **BEHIND},
        {},
    ),
    (
        "credentials-not-sent Caddyfile:2",
        {"Caddyfile": front('request_header Authorization ""'), **BEHIND},
        {"Caddyfile": front("request_header Authorization {http.request.header.X-Token}"), **BEHIND},
        {},
    ),
    (
        "cors-origin-mismatch Caddyfile:2",
        {"Caddyfile": front("header Access-Control-Allow-Origin *"), **BEHIND},
        {"Caddyfile": front("header X-Frame-Options DENY"), **BEHIND},
        {},
    ),
    (
        "proxy-timeout-buffering Caddyfile:4",
        {"Caddyfile": front(inside="stream_timeout 30s"), **BEHIND},
        {"Caddyfile": front(inside="stream_timeout 24h"), **BEHIND},
        {},
    ),
    (
        "proxy-timeout-buffering Caddyfile:5",
        {"Caddyfile": front(inside="transport http {\n\t\t\tread_timeout 30s\n\t\t\t}"), **BEHIND},
        {"Caddyfile": front(inside="transport http {\n\t\t\tdial_timeout 3s\n\t\t\t}"), **BEHIND},
        {},
    ),
    (
        "proxy-not-routing compose.yaml:11",
        {"compose.yaml": labelled(f"{PORT}=3000")},
        {"compose.yaml": labelled(f"{PORT}=80")},
        {},
    ),
    (
        "tls-mode-mismatch compose.yaml:11",
        {"compose.yaml": labelled(f"{PORT}=80", SERVER_NAME="hub.example.com")},
        {"compose.yaml": labelled(f"{PORT}=80", SERVER_NAME="'hub.example.com, http://hub.example.com'")},
        {"hub": HUB_URL},
    ),
    (
        "proxy-timeout-buffering compose.yaml:11",
        {"compose.yaml": labelled(f"{ONE}.buffering.maxRequestBodyBytes=1000")},
        {"compose.yaml": labelled("traefik.http.middlewares.another.buffering.maxRequestBodyBytes=1000")},
        {},
    ),
    (
        "proxy-not-routing compose.yaml:11",
        {"compose.yaml": labelled(f"{ONE}.basicauth.users=me:hash")},
        {"compose.yaml": labelled(f"{ONE}.retry.attempts=10")},
        {},
    ),
    (
        "proxy-not-routing compose.yaml:11",
        {"compose.yaml": labelled(f"{ONE}.stripprefix.prefixes=/a, /.well-known/mercure")},
        {"compose.yaml": labelled(f"{ONE}.stripprefix.prefixes=/hub")},
        {},
    ),
    (
        "cors-origin-mismatch compose.yaml:11",
        {"compose.yaml": labelled(f"{ONE}.headers.accesscontrolalloworiginlist=*")},
        {"compose.yaml": labelled(f"{ONE}.headers.stsSeconds=1")},
        {},
    ),
    (
        "proxy-not-routing hub.conf:5",
        {"hub.conf": nginx(target="http://mercure:3000"), **BEHIND},
        {"hub.conf": nginx(target="http://mercure:80"), **BEHIND},
        {},
    ),
    (
        "proxy-not-routing hub.conf:6",
        {"hub.conf": "upstream mercure_hub { server mercure:8080; }\n" + nginx(target="http://mercure_hub"), **BEHIND},
        {"hub.conf": "upstream mercure_hub { server mercure:80; }\n" + nginx(target="http://mercure_hub"), **BEHIND},
        {},
    ),
    (
        "proxy-not-routing hub.conf:5",
        {
            "hub.conf": nginx(target="http://127.0.0.1:3000"),
            "compose.yaml": compose(*environment(), "ports: ['3000:81']"),
        },
        {
            "hub.conf": nginx(target="http://127.0.0.1:3000"),
            "compose.yaml": compose(*environment(), "ports: ['3000:80']"),
        },
        {},
    ),
    (
        "tls-mode-mismatch hub.conf:5",
        {"hub.conf": nginx(target="http://127.0.0.1:3000"), "Caddyfile": keyed(address="hub.example.com:3000")},
        {"hub.conf": nginx(target="http://127.0.0.1:3000"), "Caddyfile": keyed(address="http://hub.example.com:3000")},
        {"hub": HUB_URL},
    ),
    (
        "internal-url-wrong app.env:2",
        {"app.env": app(MERCURE_URL="http://mercure:3000/.well-known/mercure"), **BEHIND},
        {"app.env": app(MERCURE_URL="http://mercure/.well-known/mercure"), **BEHIND},
        {},
    ),
    (
        "server-name-mismatch app.env:2",
        {
            "app.env": app(MERCURE_URL="http://mercure/.well-known/mercure"),
            "compose.yaml": compose(*environment(SERVER_NAME="hub.example.com")),
        },
        {
            "app.env": app(MERCURE_URL="http://mercure/.well-known/mercure"),
            "compose.yaml": compose(*environment(SERVER_NAME="'hub.example.com, http://mercure'")),
        },
        {},
    ),
    (
        "server-name-mismatch app.env:2",
        {
            "app.env": app(MERCURE_URL="http://mercure/.well-known/mercure"),
            "compose.yaml": compose(*environment()[:3]),
        },
        {
            "app.env": app(MERCURE_URL="http://mercure/.well-known/mercure"),
            "compose.yaml": compose("environment:", f"  - MERCURE_PUBLISHER_JWT_KEY={KEY}", "  - SERVER_NAME"),
        },
        {},
    ),
    (
        "key-quoting compose.yaml:5",
        {"app.env": APP, "compose.yaml": compose("environment:", f"  - MERCURE_PUBLISHER_JWT_KEY='{KEY}'")},
        {"app.env": APP, "compose.yaml": compose("environment:", f"  - MERCURE_PUBLISHER_JWT_KEY={KEY}")},
        {},
    ),
    (
        "key-quoting compose.yaml:5",
        {
            "app.env": app(MERCURE_JWT_SECRET=f"'a$b{KEY}'"),
            "compose.yaml": compose(*environment(MERCURE_PUBLISHER_JWT_KEY=f"a$b{KEY}")),
        },
        {
            "app.env": app(MERCURE_JWT_SECRET=f"'a$b{KEY}'"),
            "compose.yaml": compose(*environment(MERCURE_PUBLISHER_JWT_KEY=f"a$$b{KEY}")),
        },
        {},
    ),
    (
        "server-name-mismatch compose.yaml:8",
        {"compose.yaml": compose(*environment(SERVER_NAME="':3000'"), "ports: ['3000:80']")},
        {"compose.yaml": compose(*environment(SERVER_NAME="':3000'"), "ports: ['3000:3000']")},
        {},
    ),
    (
        "internal-url-wrong app.env:2",
        {
            "app.env": app(MERCURE_URL="http://shop-hub:3000/.well-known/mercure"),
            "compose.yaml": compose(*environment(), "networks: {default: {aliases: [shop-hub]}}"),
        },
        {
            "app.env": app(MERCURE_URL="http://shop-hub/.well-known/mercure"),
            "compose.yaml": compose(*environment(), "container_name: shop-hub"),
        },
        {},
    ),
    ("token-lifecycle token.txt:1", {"token.txt": token(exp=100)}, {"token.txt": token(exp=300)}, {"now": 200.0}),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expected", "wrong", "right", "told"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)]
)
def test_a_rule(expected: str, wrong: Files, right: Files, told: dict[str, object]):
    assert expected in ids(wrong, **told)
    assert [found for found in ids(right, **told) if found.split()[0] == expected.split(maxsplit=1)[0]] == []


def test_every_rule_has_its_case():
    assert {rule.__name__.replace("_", "-") for rule in RULES} == {case[0].split()[0] for case in CASES}


def test_what_is_wrong_in_a_default_is_a_warning():
    url = "MERCURE_PUBLIC_URL: '${URL:-https://${NAME:-localhost}/.well-known/mercure}'"
    files = {"compose.yaml": f"services:\n  php:\n    image: web\n    environment:\n      {url}\n"}
    found = lint.examine([*files.items()], lint.Told((parse_origin(PAGE),)), lambda _: True).findings
    assert [(each.id, each.level) for each in found] == [("public-url-wrong", "warning")]
    assert found[0].what.endswith("(a default, for when its variable is not set)")
    assert ids({**files, ".env": "URL=https://hub.example.com/.well-known/mercure\n"}, pages=[PAGE]) == []


def test_defaults_of_compose_are_compared_with_each_other_alone():
    def found(secret: str, dotenv: str = "") -> list[tuple[str, str]]:
        text = f"""\
services:
  php:
    image: registry.example.com/shop
    environment:
      MERCURE_PUBLISHER_JWT_KEY: ${{CADDY_KEY:-{KEY}}}
      MERCURE_SUBSCRIBER_JWT_KEY: ${{CADDY_KEY:-{KEY}}}
      MERCURE_JWT_SECRET: {secret}
"""
        files = {"compose.yaml": text, ".env": dotenv}
        findings = lint.examine([*files.items()], lint.Told(), lambda _: True).findings
        return [(each.id, each.level) for each in findings if each.id == "key-mismatch"]

    assert found(f"${{CADDY_KEY:-{OTHER}}}") == [("key-mismatch", "warning")]
    assert found(f"${{CADDY_KEY:-{KEY}}}") == []
    assert found(OTHER) == []
    assert found(f"${{CADDY_KEY:-{OTHER}}}", f"CADDY_KEY={KEY}\n") == []


def test_what_recipes_put_into_env_for_development_is_a_default():
    recipe = app(MERCURE_JWT_SECRET="!ChangeMe!", MERCURE_URL="https://example.com/.well-known/mercure")
    found = lint.examine([(".env", f"APP_ENV=dev\n{recipe}"), ("hub.env", HUB)], lint.Told(), lambda _: True).findings
    assert {(each.id, each.level) for each in found} == {
        ("key-placeholder", "warning"),
        ("key-too-short", "warning"),
        ("internal-url-wrong", "warning"),
    }
    extra = "'cors_origins http://127.0.0.1:8000'"
    placed = hub(MERCURE_PUBLISHER_JWT_KEY="!ChangeMe!", MERCURE_EXTRA_DIRECTIVES=extra)
    both = lint.examine([(".env", f"APP_ENV=dev\n{recipe}"), ("hub.env", placed)], lint.Told(), lambda _: True).findings
    said = [(each.file, each.level) for each in both if each.id in {"key-placeholder", "cookie-scope"}]
    assert said == [("hub.env", "error")]
    assert "key-mismatch hub.env:1" in ids({".env": f"APP_ENV=prod\n{recipe}", "hub.env": HUB})


def test_an_override_goes_over_its_base():
    base = compose(*environment())
    over = {
        "compose.override.yaml": "services:\n  mercure:\n    ports: ['80']\n",
        "compose.prod.yaml": "services:\n  mercure:\n    deploy: {replicas: 1}\n",
    }
    assert ids({**over, "compose.yaml": base}) == []
    assert ids({**over, "compose.yaml": compose(*environment()[:3])}) == ["tls-mode-mismatch compose.override.yaml:3"]
    other = f"services:\n  mercure:\n    environment: {{MERCURE_SUBSCRIBER_JWT_KEY: {OTHER}}}\n"
    said = {"app.env": APP, "compose.yaml": base, "compose.override.yaml": other}
    assert ids(said) == ["key-mismatch compose.override.yaml:3"]


def test_one_server_may_be_hub_and_app():
    variables = f"      MERCURE_JWT_SECRET: {OTHER}\n      MERCURE_URL: http://mercure/.well-known/mercure\n"
    files = {"compose.yaml": compose(*environment()) + variables}
    assert ids(files) == ["key-mismatch compose.yaml:5"]


def test_a_key_that_comes_from_outside_is_not_missing():
    outside = compose("environment: [SERVER_NAME=:80, MERCURE_PUBLISHER_JWT_KEY, MERCURE_SUBSCRIBER_JWT_KEY]")
    assert ids({"compose.yaml": outside}) == []


def test_quotes_that_one_reader_keeps_are_one_mistake():
    own = f"  - MERCURE_SUBSCRIBER_JWT_KEY={KEY}"
    quoted = compose("environment:", f"  - MERCURE_PUBLISHER_JWT_KEY='{KEY}'", own, "  - SERVER_NAME=:80")
    assert ids({"app.env": APP, "compose.yaml": quoted}) == ["key-quoting compose.yaml:5"]


SAID = {
    "a URL of something else": (
        {"app.env": app(MERCURE_URL="ftp://hub/.well-known/mercure")},
        {},
        "internal-url-wrong app.env:2",
    ),
    "an address with TLS for who speaks none": (
        {
            "Caddyfile": keyed(address="127.0.0.1:3080"),
            "app.env": app(MERCURE_URL="http://127.0.0.1:3080/.well-known/mercure"),
        },
        {},
        "tls-mode-mismatch Caddyfile:1",
    ),
    "an audience that is not the public URL": (
        {
            "Caddyfile": block("issuer https://app.example.com", "resource_identifier https://other.example.com/x"),
            "app.env": APP,
        },
        {},
        "audience-mismatch Caddyfile:5",
    ),
    "a token with a time in words": (
        {"app.env": APP, "publisher.jwt": token(exp="tomorrow")},
        {},
        "topic-claim-mismatch publisher.jwt:1",
    ),
    "an algorithm on one side": (
        {
            "Caddyfile": block(f"publisher_jwt {KEY * 2} HS512", f"subscriber_jwt {KEY * 2} HS512"),
            "mercure.yaml": configured(KEY * 2).replace("secret", "publish: ['*']\n        secret"),
        },
        {},
        "alg-mismatch Caddyfile:4",
    ),
    "a cookie on one side": (
        {"Caddyfile": keyed("cookie_name mine"), "mercure.yaml": configured(KEY)},
        {},
        "credentials-not-sent Caddyfile:6",
    ),
    "a letter too few": (
        {
            "hub.env": hub(
                SERVER_NAME="hub.example.com", MERCURE_EXTRA_DIRECTIVES="'cors_origins https://app.exmple.com'"
            )
        },
        {},
        "cors-origin-mismatch hub.env:4",
    ),
    "a directive outside of its block": (
        {"Caddyfile": f":80 {{\n\tpublisher_jwt {KEY}\n}}\n"},
        {},
        "directive-syntax Caddyfile:2",
    ),
    "a word that hub 1.0 does not know": (
        {"Caddyfile": block("issuer https://app.example.com", "cors_origin https://app.example.com")},
        {"version": "1.0"},
        "directive-syntax Caddyfile:5",
    ),
    "a check of the hub's path": (
        {"compose.yaml": compose(*environment(), "healthcheck: {test: curl -f http://localhost/.well-known/mercure}")},
        {},
        "healthcheck-broken compose.yaml:8",
    ),
    "nginx in one file": (
        {
            "nginx.conf": "http {\n  upstream one { server mercure:3001; }\n" + nginx(target="http://one") + "}\n",
            **BEHIND,
        },
        {},
        "proxy-not-routing nginx.conf:7",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_each_of_these_is_said(name: str):
    files, words, found = SAID[name]
    assert found in ids(files, **words), ids(files, **words)


def test_what_a_server_that_is_both_gets_goes_over_its_env_file():
    """As in the template of Symfony: compose says the variables of the one container, .env those of the recipe."""
    recipe = "APP_ENV=dev\nMERCURE_URL=https://example.com/.well-known/mercure\n"
    recipe += "MERCURE_PUBLIC_URL=https://example.com/.well-known/mercure\nMERCURE_JWT_SECRET='!ChangeMe!'\n"
    url = {"MERCURE_URL": "${URL:-http://mercure/.well-known/mercure}", "MERCURE_JWT_SECRET": f"${{KEY:-{KEY}}}"}
    url |= {"MERCURE_PUBLIC_URL": "${PUBLIC:-https://localhost/.well-known/mercure}"}
    words = BUNDLE.replace(f"'{KEY}'", "'%env(MERCURE_JWT_SECRET)%'").replace("http://hub/", "'%env(MERCURE_URL)%' #")
    words = words.replace("https://hub.example.com/", "'%env(MERCURE_PUBLIC_URL)%' #")
    files = {".env": recipe, "compose.yaml": compose(*environment(SERVER_NAME="'localhost, mercure:80'", **url))}
    # by default it is the machine of whoever develops
    assert ids({**files, "config/packages/mercure.yaml": words}) == ["public-url-wrong compose.yaml:10"]


def test_a_key_in_a_file_of_secrets_is_read_by_nobody():
    files = [f"  MERCURE_{role}_JWT_KEY_FILE: /run/secrets/key" for role in ("PUBLISHER", "SUBSCRIBER")]
    text = compose("environment:", "  SERVER_NAME: ':80'", *files)
    assert ids({"stack.yml": text}) == ["key-missing stack.yml:6"]


def test_an_env_file_counts_where_a_service_names_it():
    php = "  php:\n    image: web\n    env_file: [.env.docker]\n"
    urls = {"MERCURE_URL": "http://mercure/.well-known/mercure", "MERCURE_JWT_SECRET": OTHER}
    files = {"compose.yaml": compose(*environment()) + php, ".env.docker": app(**urls)}
    assert ids(files) == ["key-mismatch compose.yaml:5"]
    assert ids({**files, "compose.yaml": compose(*environment())}) == []


SITE = "route {\n\t\tmercure {\n\t\t\tpublisher_jwt {env.KEY}\n\t\t}\n\t\trespond /healthz 200\n\t}"


@pytest.mark.parametrize(
    ("site", "found"),
    [(SITE, ["internal-url-wrong app.env:2"]), (f"uri replace /hub /.well-known/mercure\n\t{SITE}", [])],
)
def test_a_hub_takes_its_path_unless_something_leads_another_one_there(site: str, found: list[str]):
    files = {"Caddyfile": f":80 {{\n\t{site}\n}}\n", "app.env": app(MERCURE_URL="http://mercure/hub")}
    files["compose.yaml"] = compose("volumes: ['./Caddyfile:/etc/caddy/Caddyfile']", f"environment: {{KEY: {KEY}}}")
    assert [each for each in ids(files) if "internal" in each] == found


def test_a_key_that_is_a_number_to_yaml_is_another_one_in_the_container():
    """Compose reads a value without quotes as YAML does, and writes the number anew."""
    number = "0" + "1234567" * 5
    roles = {f"MERCURE_{role}_JWT_KEY": number for role in ("PUBLISHER", "SUBSCRIBER")}
    files = {"app.env": app(MERCURE_JWT_SECRET=number), "compose.yaml": compose(*environment(**roles))}
    assert ids(files) == ["key-quoting compose.yaml:5"]
    quoted = dict.fromkeys(roles, f"'{number}'")
    assert ids({**files, "compose.yaml": compose(*environment(**quoted))}) == []


# the configuration of the bundle, and what is changed in it or laid beside it
BUNDLE = f"""\
mercure:
  hubs:
    default:
      jwt:
        secret: '{KEY}'
        publish: '*'
      url: http://hub/.well-known/mercure
      public_url: https://hub.example.com/.well-known/mercure
"""
SECOND = f"""\
    second:
      url: http://second/.well-known/mercure
      jwt: {{secret: '{OTHER}', publish: '*'}}
"""
SECTION = "when@{}:\n  mercure:\n    hubs:\n      default: {{jwt: {{algorithm: hmac.sha512}}}}\n"
KEYED = f"mercure:\n  hubs:\n    default:\n      jwt:\n        secret: '{OTHER}'\n"
CONFIGURED: dict[str, tuple[Files, list[str]]] = {
    "as it is": ({}, []),
    "a word that the bundle has not": ({"mercure.yaml": BUNDLE.replace("secret:", "key:")}, ["directive-syntax"]),
    "two words that cannot be together": (
        {"mercure.yaml": f"{BUNDLE}      jwt_provider: App\\Jwt\n"},
        ["directive-syntax"],
    ),
    "a list in the place of a text": (
        {"mercure.yaml": BUNDLE.replace("url: http://hub/", "url: [x] #")},
        ["directive-syntax"],
    ),
    "no jwt": ({"mercure.yaml": BUNDLE.replace("jwt:", "bus:")}, ["directive-syntax"]),
    "a word beside the hubs": ({"mercure.yaml": f"{BUNDLE}  hub: default\n"}, ["directive-syntax"]),
    "an algorithm for production": ({"mercure.yaml": BUNDLE + SECTION.format("prod")}, ["alg-mismatch"]),
    "an algorithm for development": ({"mercure.yaml": BUNDLE + SECTION.format("dev")}, []),
    "a key in the folder of production": ({"prod/mercure.yaml": KEYED}, ["key-mismatch"]),
    "a key in the folder of development": ({"dev/mercure.yaml": KEYED}, []),
    "a second hub": ({"mercure.yaml": BUNDLE + SECOND}, []),
    "a second hub that is the default": (
        {"mercure.yaml": f"{BUNDLE}{SECOND}  default_hub: second\n"},
        ["key-mismatch"],
    ),
    "a key for publishing": ({"mercure.yaml": BUNDLE.replace("jwt:", "publisher:").replace("publish:", "topics:")}, []),
    "a token alone": ({"mercure.yaml": re.sub(r"jwt:(\n {8}.*)+", f"jwt: {token()}", BUNDLE)}, []),
}


@pytest.mark.parametrize("name", CONFIGURED)
def test_the_configuration_of_production_counts(name: str):
    """Found by what the kernel makes of generated ones: files for development were taken, sections passed over."""
    changed, found = CONFIGURED[name]
    algorithms = {f"MERCURE_{role}_JWT_ALG": "HS256" for role in ("PUBLISHER", "SUBSCRIBER")}
    files = {"hub.env": hub(**algorithms), "config/packages/mercure.yaml": BUNDLE}
    files |= {f"config/packages/{path}": text for path, text in changed.items()}
    assert [each.partition(" ")[0] for each in ids(files)] == found


NAMED = """{
    %s
}
http://localhost:3080 {
    mercure {
        publisher_jwt {env.MERCURE_KEY}
        subscriber_jwt {env.MERCURE_KEY}
    }
}
"""


@pytest.mark.parametrize("option", ["admin off", "auto_https off", "http_port 8080"])
def test_an_address_in_full_means_the_same_under_every_option(option: str):
    """Found on a set-up as it is public: a Caddy of its own for the hub, which answers to one name alone."""
    urls = {"MERCURE_URL": "http://localhost:3080/.well-known/mercure"}
    public = {"MERCURE_PUBLIC_URL": "https://news.example.org/.well-known/mercure"}
    proxy = "news.example.org {\n    reverse_proxy /.well-known/mercure* localhost:3080\n}\n"
    files = {".env.local": app(**urls, **public), "Caddyfile": proxy, "hub.Caddyfile": NAMED % option}
    assert ids(files) == ["server-name-mismatch hub.Caddyfile:4"]


def test_a_name_without_a_certificate_is_said():
    files = {"Caddyfile": (NAMED % "auto_https off").replace("http://localhost:3080", "hub.example.org")}
    assert ids(files) == ["tls-mode-mismatch Caddyfile:2"]
    own = {"Caddyfile": files["Caddyfile"].replace("    mercure {", "    tls hub.pem hub.key\n    mercure {")}
    assert ids(own) == []
    plain = {"Caddyfile": own["Caddyfile"].replace("hub.example.org", ":80")}
    assert ids(plain) == ["tls-mode-mismatch Caddyfile:4"]


def test_a_hub_whose_addresses_nobody_knows_is_let_be():
    files = {"Caddyfile": front(target="mercure:3000"), "app.env": app(MERCURE_URL="http://mercure:3000/x")}
    for name in ("'${NAME:-:80}'", "':443'", "'{$OTHER}'", "''"):
        assert ids({**files, "compose.yaml": compose(*environment(SERVER_NAME=name))}) == [], name
    plain = environment(SERVER_NAME="hub.example.com", GLOBAL_OPTIONS="http_port <port>")
    assert ids({**files, "compose.yaml": compose(*plain)}) == []
    two = BEHIND["compose.yaml"] + f"  second:\n    image: {IMAGE}\n    environment: {{SERVER_NAME: ':81'}}\n"
    assert [each for each in ids({**files, "compose.yaml": two}) if each.startswith("proxy")] == []


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), True),
        (("ports: ['443:443']",), False),
        (("network_mode: host",), False),
        (("labels: {traefik.tcp.routers.hub.rule: 'HostSNI(`hub.example.com`)'}",), False),
        (("labels: {traefik.http.services.hub.loadbalancer.server.scheme: https}",), False),
        (("labels: {traefik.http.routers.hub.rule: 'Host(`hub.example.com`)'}",), True),
    ],
)
def test_a_hub_with_tls_of_its_own_behind_nobody_knows_what(lines: tuple[str, ...], found: bool):
    text = compose(*environment(SERVER_NAME="hub.example.com"), *lines)
    assert any(each.startswith("tls-mode-mismatch") for each in ids({"compose.yaml": text})) == found


@pytest.mark.parametrize("sign", ["=", ":"])
def test_what_stands_behind_a_sign_may_be_a_key(sign: str):
    text = f":80 {{\n\tmercure {{\n\t\tpublisher_jwt{sign}my-own-pass\n\t}}\n}}\n"
    found = lint.examine([("Caddyfile", text)], lint.Told(), lambda _: True).findings
    [syntax] = [each for each in found if each.id == "directive-syntax"]
    assert syntax.what.startswith(f"publisher_jwt{sign}… is no directive")
    assert "my-own-pass" not in str(found)


def test_a_healthy_setup_has_no_finding():
    files = {
        "app/.env": APP,
        "hub/hub.env": HUB,
        "hub/compose.yaml": compose("env_file: hub.env", "volumes: ['data:/data']"),
    }
    assert ids(files, pages=[PAGE], hub=HUB_URL, version="0.24.2") == []
