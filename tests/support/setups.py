"""Set-ups of a hub as people write them, right and wrong: generated from words of the field and their near misses."""

import random
from dataclasses import dataclass

KEY, OTHER = "9b7e4c1f" * 8, "2d5a8e3c" * 8
ORIGINS = """
https://app.test https://app.test http://app.test https://app.test/ https://app.test/path https://app.test?x=1
https://app.test#x app.test * https://*.test https://*.app.test https://app.test:443 https://app.test:8443
HTTPS://APP.TEST https://App.test null https:// https://user@app.test https://app.test:abc https://app.test:
https://[::1] https://127.0.0.1:3000 'https://app.test' localhost:3000 ftp://app.test https:app.test https:/app.test
https://app.test,https://www.app.test https://app.test, =https://app.test https://a_b.test https://app.test\\n
https://ap%70.test https://app.test? https://app.test# //app.test https://*
""".split()
QUOTED = ['"https://app.test https://www.app.test"', '"https://app.test"', "`https://app.test`", '""']
LINES = """
anonymous | anonymous 0 | anonymous false | anonymous: true | Anonymous | allow_anonymous | # anonymous | subscriptions
subscriptions on | demo | ui | playground | heartbeat 30s | heartbeat 30 | heartbeat 1h30m | heartbeat x | heartbeat
write_timeout 1h | write_timeout -1s | write_timeout 0 | dispatch_timeout 5s | dispatch_timeout .5s | transport local
transport bolt | transport redis | transport bolt://x | transport | transport_url local://local | name shop | name
cookie_name mercure | cookie_name | cookie_name= | topic_selector_cache 100 | topic_selector_cache x
subscriber_list_cache_size 0 | subscriber_list_cache_size -5 | subscriber_list_cache_size many
protocol_version_compatibility 7 | protocol_version_compatibility 8 | protocol_version_compatibility
cors_allowed_origins https://app.test | cors_origin https://app.test | cors_origins=https://app.test | cors_origins
cors_origins: https://app.test | publish_origins https://app.test | publish_origins https://app.test/ | issuer x
anonymous cors_origins https://app.test | heartbeat 30s anonymous | demo anonymous | resource_identifier https://x
publisher_jwt KEY | publisher_jwt OTHER | publisher_jwt KEY HS512 | publisher_jwt KEY HS256 anonymous | publisher_jwt
subscriber_jwt OTHER HS256 | subscriber_jwt KEY hs256 | publisher_jwks_url file:///missing.json | https://www.app.test
{ | } | transport bolt { path /data/x.db size 10 }
""".replace("\n", " | ")
BLOCKS = [
    "transport bolt {\n\tpath /data/one.db\n\tsize 10\n}",
    "transport bolt {\n\tpath /data/two.db\n\tsize many\n}",
    "transport bolt {\n\tpath\n}",
    "transport local {\n}",
    "issuer https://app.test {\n\tpublisher {\n\t\tjwt KEY\n\t}\n}",
    "issuer https://app.test {\n\tanonymous\n}",
]
ALGORITHMS = ["HS256", "HS256", "HS512", "hs256", "none", "HS257", "RS256", "ES256", "PS256", "EdDSA", ""]
KEYS = [KEY, KEY, KEY, KEY, OTHER, "", None, "short"]


@dataclass(frozen=True)
class Described:
    """What people would write: `variables` of the image, or a Caddyfile of their own (`block` is the mercure block)."""

    variables: dict[str, str]
    caddyfile: str | None

    def files(self) -> list[tuple[str, str]]:
        """(path, text) of it."""
        lines = [f"      {name}: {_quoted(value)}" for name, value in self.variables.items()]
        compose = ["services:", "  mercure:", "    image: dunglas/mercure:v0.24.2"]
        if lines:
            compose += ["    environment:", *lines]
        if self.caddyfile is not None:
            compose += ["    volumes: ['./Caddyfile:/etc/caddy/Caddyfile']"]
        own = [("Caddyfile", self.caddyfile)] if self.caddyfile is not None else []
        return [("compose.yaml", "\n".join([*compose, ""])), *own]


def _quoted(value: str) -> str:
    # a $ is doubled, or compose would take it for its own
    return "'" + value.replace("'", "''").replace("$", "$$") + "'" if "\n" not in value else _block(value)


def _block(value: str) -> str:
    return "|-\n" + "\n".join(f"        {line}" for line in value.split("\n"))


def _line(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.5:
        words = chance.choices(ORIGINS, k=chance.choice([1, 1, 1, 2]))
        if chance.random() < 0.1:
            words = [chance.choice(QUOTED)]
        return " ".join(["cors_origins", *words])
    if kind < 0.6:
        return chance.choice(BLOCKS)
    return chance.choice([line.strip() for line in LINES.split("|") if line.strip()])


def described(seed: int) -> Described:
    """The set-up with that number."""
    chance = random.Random(seed)
    lines = [_line(chance) for _ in range(chance.choice([0, 1, 1, 1, 2, 2, 3]))]
    text = "\n".join(lines).replace("KEY", KEY).replace("OTHER", OTHER)
    variables = {"SERVER_NAME": ":80"}
    for role in ("PUBLISHER", "SUBSCRIBER"):
        key = chance.choice(KEYS) if chance.random() < 0.3 else KEY
        if key is not None:
            variables[f"MERCURE_{role}_JWT_KEY"] = key
        if chance.random() < 0.15:
            variables[f"MERCURE_{role}_JWT_ALG"] = chance.choice(ALGORITHMS)
    if chance.random() < 0.6:
        return Described(variables | ({"MERCURE_EXTRA_DIRECTIVES": text} if text else {}), None)
    keys = [f"{role}_jwt {KEY} HS256" for role in ("publisher", "subscriber")]
    if chance.random() < 0.3:
        keys[chance.randrange(2)] = chance.choice(["", f"publisher_jwt {OTHER}", "subscriber_jwt", "anonymous"])
    inner = "\n".join(keys + lines).replace("KEY", KEY).replace("OTHER", OTHER)
    block = "\n".join(f"\t\t{line}" for line in inner.split("\n") if line)
    return Described({}, f":80 {{\n\tmercure {{\n{block}\n\t}}\n\trespond 404\n}}\n")
