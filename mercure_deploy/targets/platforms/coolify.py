"""Platform coolify: the compose file that is pasted, with the Caddyfile in it, and the variables of its Service."""

import hashlib
import json
from collections.abc import Iterator, Mapping

from mercure_deploy import keys
from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.file import SECRET, File
from mercure_deploy.keys import Key
from mercure_deploy.targets import directives
from mercure_deploy.targets.apps import needs_configuration
from mercure_deploy.targets.hub import caddyfile, jwk_set, marked, rewrite
from mercure_deploy.targets.plan import ROLES, Deployment, Platform
from mercure_deploy.targets.render import render

_RESTART = (
    "paste {files} into its Service, restart the Service: some seconds, in which a page whose EventSource meets a 404"
    " or 502 stays closed unless it re-opens itself"
)


def files(d: Deployment) -> Iterator[File]:
    """The files of the hub; the Caddyfile only where the image's own is not used."""
    values = variables(d)
    if values:
        yield File("hub.env", render("env.j2", values=dict(sorted(values.items()))), SECRET)
    mark = render_mark(d)
    if d.env.delivery == "caddyfile":
        yield File("Caddyfile", caddyfile(d, jwks=_overlap(d), mark=mark))
    yield File("docker-compose.yaml", _compose(d, mark))


def render_mark(d: Deployment) -> str:
    """What the hub of this render answers at `MARK_PATH` below its own path, and no other does: 16 hex digits.

    Its files and the fingerprints of the keys that it trusts make it, so that it tells nothing of them.
    """
    parts = [_compose(d, "").decode(), *sorted(key.fingerprint for key in d.ring.keys)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _compose(d: Deployment, mark: str) -> bytes:
    configs = {}
    if d.env.delivery == "caddyfile":
        # nothing in it is for compose to interpolate
        text = caddyfile(d, jwks=_overlap(d), mark=mark).decode().replace("$", "$$")
        configs["caddyfile"] = ("/etc/caddy/Caddyfile", text)
    if _overlap(d):
        configs["jwks"] = (directives.JWKS_PATH, jwk_set(_open_jwks(d)))
    return render(
        "coolify/docker-compose.yaml.j2",
        image=d.env.hub.release,
        fast=d.env.hub.starts_fast,
        environment=dict(sorted({**_references(d), **_literals(d, mark)}.items())),
        configs=configs,
        network=(d.env.hub.network or "coolify", d.env.alias) if d.env.alias else None,
        digest=hashlib.sha256(json.dumps(configs).encode()).hexdigest()[:32],
    )


def _overlap(d: Deployment) -> bool:
    """Whether the hub has to trust two keys; one is told in the plain form that every document shows."""
    return len(d.ring.keys) > 1


def _open_jwks(d: Deployment) -> list[dict[str, str]]:
    """The keys without their secrets: compose puts those in, from hub.env, so that the compose file holds none."""
    return [
        {"kty": "oct", "k": f"${{MERCURE_JWK_{number}}}"} if key.symmetric else keys.jwk(key)
        for number, key in enumerate(d.ring.keys, start=1)
    ]


def variables(d: Deployment) -> dict[str, str]:
    """The variables of the hub's container by name, none where it needs none."""
    if _overlap(d):
        trusted = enumerate(d.ring.keys, start=1)
        return {f"MERCURE_JWK_{number}": keys.jwk(key)["k"] for number, key in trusted if key.symmetric}
    # without the algorithm the hub would take a public key for an HMAC secret
    return {
        f"MERCURE_{role.upper()}_JWT_{word}": value
        for role in ROLES
        for key in d.trusted(role)
        if key.symmetric
        for word, value in _words(key)
    }


def _words(key: Key) -> tuple[tuple[str, str], ...]:
    return (("KEY", key.text()), ("ALG", key.algorithm))


def _references(d: Deployment) -> dict[str, tuple[str, bool]]:
    """The variables of hub.env, for compose to read: so Coolify creates them, and a change recreates the container."""
    return {name: (f"${{{name}}}", False) for name in variables(d)}


def _literals(d: Deployment, mark: str) -> dict[str, tuple[str, bool]]:
    """What the image's own Caddyfile pastes into itself, `delivery: environment`."""
    if d.env.delivery != "environment":
        return {}
    lines = directives.mercure_block(d, jwks=_overlap(d))
    extra = {"MERCURE_TRUSTED_ISSUERS": d.env.hub.issued_by} if d.env.hub.version == "1.0" else {}
    extra |= {"CADDY_SERVER_EXTRA_DIRECTIVES": "\n".join([*rewrite(d.env), *marked(d.env, mark)])}
    values = {
        "GLOBAL_OPTIONS": directives.GRACE_PERIOD,
        "MERCURE_EXTRA_DIRECTIVES": "\n".join(lines),
        "SERVER_NAME": ":80",
        **extra,
    }
    return {name: (value, True) for name, value in values.items()}


def deploy_hub(d: Deployment) -> str:
    """How new keys reach the hub."""
    # public keys need no variables
    named = "docker-compose.yaml and hub.env" if any(key.symmetric for key in d.ring.keys) else "docker-compose.yaml"
    return _RESTART.format(files=named)


def words(d: Deployment) -> dict[str, object]:
    """What the README needs: the domains of the Service, and how the apps get to it inside."""
    env = d.env
    path = env.hub.path if env.shares_origin or env.hub.path != HUB_PATH else ""
    network = env.hub.network or "coolify"
    inside = f": the hub's name in the network `{network}`, which every Application of that destination is in."
    return {
        "logs": "the Service's *Logs*",
        "secrets": "`keys.json` and the `*.env` files",
        "domains": ",".join(f"https://{name.host}:80{path}" for name in env.hub_names),
        "inside": inside if env.alias else None,
        "push": _push(d),
    }


def _push(d: Deployment) -> dict[str, object] | None:
    """What the README says of push: the instance, the apps that it does not know, whether there is more to do."""
    said = d.env.coolify
    if said is None:
        return None
    unknown = [f"`{name}`" for name in sorted(d.env.apps) if name not in said.apps]
    configured = any(needs_configuration(d, app) for app in d.env.apps)
    return {"url": str(said.url), "by_hand": unknown, "configured": configured}


def one_key(d: Deployment) -> str | None:
    """Why the hub cannot trust two keys at once."""
    if d.env.delivery == "environment" and d.env.hub.version == "1.0":
        return "hub 1.0 with delivery: environment cannot trust two keys at once"
    return None


def applied(changed: Mapping[str, tuple[bytes, bytes]]) -> str | None:
    """How changed files of the hub come into force."""
    files = [name for name in ("docker-compose.yaml", "hub.env") if name in changed]
    return f"paste {' and '.join(files)} into the hub's Service, restart the Service" if files else None


_NAMES = ("docker-compose.yaml", "hub.env")
PLATFORM = Platform(files, _NAMES, deploy_hub, words, applied, variables=variables, mark=render_mark, one_key=one_key)
