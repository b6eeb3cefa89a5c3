"""The files of the hub: variables, Caddyfile, JWK Set and compose file, for every platform and delivery."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from mercure_deploy import keys
from mercure_deploy.keys import Key
from mercure_deploy.output import SECRET, File
from mercure_deploy.render import render
from mercure_deploy.spec import Environment
from mercure_deploy.targets import directives
from mercure_deploy.targets.planning import Deployment, target


@target
def hub_env(d: Deployment) -> Iterator[File]:
    """The variables of the hub's container on Coolify."""
    values = hub_values(d)
    if values:
        yield File("hub.env", render("env.j2", values=dict(sorted(values.items()))), SECRET)


@target
def on_compose(d: Deployment) -> Iterator[File]:
    """The folder that is mounted, and the compose file. The JWK Set is read again at a forced reload."""
    if d.env.platform != "compose":
        return
    ports = ["80:80", "443:443", "443:443/udp"] if d.env.tls == "hub" else [f"127.0.0.1:{d.env.hub.port}:80"]
    yield File("hub/Caddyfile", _caddyfile(d))
    yield File("hub/jwks.json", _jwk_set([_jwk_text(keys.jwk(key)) for key in d.ring.keys]).encode(), SECRET)
    yield File("docker-compose.yaml", render("compose.yaml.j2", image=d.env.hub.release, ports=ports))


@target
def on_coolify(d: Deployment) -> Iterator[File]:
    """The compose file that is pasted, and the Caddyfile in it where the image's own is not used."""
    if d.env.platform != "coolify":
        return
    configs = {}
    if d.env.hub.delivery == "caddyfile":
        text = _caddyfile(d)
        # nothing in it is for compose to interpolate
        configs["caddyfile"] = ("/etc/caddy/Caddyfile", text.decode().replace("$", "$$"))
        yield File("Caddyfile", text)
    if directives.needs_set(d.env, d.ring):
        configs["jwks"] = (directives.JWKS_PATH, _jwk_set(_open_jwks(d)))
    text = render(
        "coolify.yaml.j2",
        image=d.env.hub.release,
        environment=dict(sorted({**_references(d), **_literals(d)}.items())),
        configs=configs,
        digest=hashlib.sha256(json.dumps(configs).encode()).hexdigest()[:32],
    )
    yield File("docker-compose.yaml", text)


def _open_jwks(d: Deployment) -> list[str]:
    """The keys without their secrets: compose puts those in, from hub.env, so that the compose file holds none."""
    return [
        _jwk_text({"kty": "oct", "k": f"${{MERCURE_JWK_{number}}}"} if key.symmetric else keys.jwk(key))
        for number, key in enumerate(d.ring.keys, start=1)
    ]


def hub_values(d: Deployment) -> dict[str, str]:
    """The variables of the hub's container by name, none where it needs none."""
    values = _key_values(d)
    if d.env.platform == "coolify" and d.env.hub.delivery == "environment":
        values["SERVER_NAME"] = ":80"
        if d.env.origins:
            # the further directives need lines of their own: they stand in the compose file
            values["MERCURE_EXTRA_DIRECTIVES"] = directives.cors(d.env)
    return values


def _key_values(d: Deployment) -> dict[str, str]:
    """The variables that hold keys, and the names of their algorithms."""
    if d.env.platform == "compose":
        return {}
    if directives.needs_set(d.env, d.ring):
        trusted = enumerate(d.ring.keys, start=1)
        return {f"MERCURE_JWK_{number}": keys.jwk(key)["k"] for number, key in trusted if key.symmetric}
    current = d.ring.current
    if not current.symmetric:
        return {}
    roles = ("PUBLISHER", "SUBSCRIBER")
    # without the algorithm the hub would take a public key for an HMAC secret
    return {f"MERCURE_{role}_JWT_{word}": value for role in roles for word, value in _words(current)}


def _words(key: Key) -> tuple[tuple[str, str], ...]:
    return (("KEY", key.text()), ("ALG", key.algorithm))


def _references(d: Deployment) -> dict[str, tuple[str, bool]]:
    """The variables of hub.env, for compose to read: so Coolify creates them, and a change recreates the container."""
    return {name: (f"${{{name}}}", False) for name in _key_values(d)}


def _literals(d: Deployment) -> dict[str, tuple[str, bool]]:
    """What the image's own Caddyfile pastes into itself, `delivery: environment`."""
    if d.env.hub.delivery != "environment":
        return {}
    lines = directives.mercure_block(d.env, d.ring)
    extra = {"MERCURE_TRUSTED_ISSUERS": d.env.hub.issued_by} if d.env.hub.version == "1.0" else {}
    values = {
        "GLOBAL_OPTIONS": directives.GRACE_PERIOD,
        "MERCURE_EXTRA_DIRECTIVES": "\n".join(lines),
        "SERVER_NAME": ":80",
        **extra,
    }
    return {name: (value, True) for name, value in values.items()}


def _caddyfile(d: Deployment) -> bytes:
    env = d.env
    return render(
        "Caddyfile.j2",
        options=[directives.GRACE_PERIOD, *([f"email {env.hub.email}"] if env.hub.email else [])],
        sites=", ".join(_sites(env)),
        local_certificate=env.tls == "hub" and env.mode == "development",
        lines=directives.mercure_block(env, d.ring),
    )


def _sites(env: Environment) -> list[str]:
    if env.tls == "proxy":
        # never the domain: a request under another Host would get an empty 200
        return [":80"]
    internal = [str(env.hub.internal_url)] if env.hub.internal_url and env.hub.internal_url != env.hub.url else []
    return list(dict.fromkeys([str(env.hub.url).removeprefix("https://"), "http://mercure", *internal]))


def _jwk_text(row: dict[str, str]) -> str:
    return json.dumps(row, separators=(",", ":"))


def _jwk_set(rows: Sequence[str]) -> str:
    return f'{{"keys":[{",".join(rows)}]}}\n'
