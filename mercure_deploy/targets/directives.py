"""The lines of the hub's `mercure` block and how it is told which keys to trust; used by every delivery."""

import re

from mercure_deploy.keys import Key
from mercure_deploy.spec import Environment
from mercure_deploy.targets.plan import ROLES, Deployment

# Without it a stop waits for every open stream: up to ten minutes of refused connections (measured).
GRACE_PERIOD = "grace_period 3s"
JWKS_PATH = "/etc/mercure/jwks.json"


def cors(env: Environment) -> str:
    """The origins whose pages may subscribe, as one directive."""
    return f"cors_origins {' '.join(map(str, env.origins))}"


def mercure_block(d: Deployment, *, jwks: bool, store: str = "/data") -> list[str]:
    """The directives, one per item but for blocks, which come as several; keys only as placeholders.

    `jwks` is whether the keys come as a JWK Set at JWKS_PATH: the only way to trust two at once; `store` the folder in
    which the hub may write.
    """
    env, hub = d.env, d.env.hub
    lines = transport(env, store)
    if env.delivery not in {"environment", "chart"} or jwks:
        lines += _keys_1_0(d, jwks=jwks) if hub.version == "1.0" else _keys_0_24(d, jwks=jwks)
    if hub.version == "1.0":
        # behind a proxy the hub takes itself for http and refuses every token without this (measured)
        lines.append(f"resource_identifier {hub.public_url}")
        lines += ["protocol_version_compatibility 8"] if hub.legacy_clients else []
        # two sites of one unnamed hub refuse to start from 1.0.3 on; the pages of others may want another cookie
        lines = ["name default", *lines]
    if hub.version == "1.0" or hub.cookie_name:
        lines.append(f"cookie_name {hub.cookie}")
    lines += [cors(env)] if env.origins else []
    lines += ["anonymous"] if hub.anonymous else []
    lines += ["subscriptions"] if hub.subscriptions else []
    return lines + sorted(hub.directives)


def transport(env: Environment, store: str) -> list[str]:
    """Where the hub keeps its updates, as directives: below the folder `store`, in the process, or in a module."""
    said = env.hub.transport
    if said is not None:
        options = [f"\t{name} {_option(text)}" for name, text in sorted(said.options.items())]
        return [f"transport {said.name} {{", *options, "}"] if options else [f"transport {said.name}"]
    # in an app's own server it is that of the template, and two that differ do not start, or lose updates (measured)
    if env.platform == "frankenphp":
        return []
    # size 0 of the bolt transport means unlimited, so no history is the local transport
    if not env.hub.history:
        return ["transport local"]
    return ["transport bolt {", f"\tpath {store}/mercure.db", f"\tsize {env.hub.history}", "}"]


def _option(text: str) -> str:
    # braces are those of {env.NAME}, which Caddy fills in between quotes too
    return text if re.fullmatch(r"[A-Za-z0-9_./:@%+,=?!^*{}-]+", text) else f'"{text}"'


def _keys_0_24(d: Deployment, *, jwks: bool) -> list[str]:
    if jwks:
        return [f"{role}_jwks_url file://{JWKS_PATH}" for role in ROLES]
    return [f"{role}_jwt {_literal(d.trusted(role)[0], role)}" for role in ROLES]


def _keys_1_0(d: Deployment, *, jwks: bool) -> list[str]:
    lines = [f"issuer {d.env.hub.issued_by} {{"]
    for role in ROLES:
        if jwks:
            # without the names of the algorithms the hub accepts asymmetric ones only, and looks healthy (measured)
            algorithms = " ".join(dict.fromkeys(key.algorithm for key in d.trusted(role)))
            verifier = f"jwks_uri file://{JWKS_PATH} {algorithms}"
        else:
            verifier = f"jwt {_literal(d.trusted(role)[0], role)}"
        lines += [f"\t{role} {{", f"\t\t{verifier}", "\t}"]
    return [*lines, "}"]


def _literal(key: Key, role: str) -> str:
    """The key as it stands in the Caddyfile: an HMAC secret by the name of its variable, a public key itself."""
    text = f'"{key.public}"' if key.public else f"{{env.MERCURE_{role.upper()}_JWT_KEY}}"
    return f"{text} {key.algorithm}"
