"""The lines of the hub's `mercure` block and how it is told which keys to trust; used by every delivery."""

from mercure_deploy.keys import Key
from mercure_deploy.spec import Environment
from mercure_deploy.targets.plan import ROLES, Deployment

# Without it a stop waits for every open stream: up to ten minutes of refused connections (measured).
GRACE_PERIOD = "grace_period 3s"
JWKS_PATH = "/etc/mercure/jwks.json"


def cors(env: Environment) -> str:
    """The origins whose pages may subscribe, as one directive."""
    return f"cors_origins {' '.join(map(str, env.origins))}"


def mercure_block(d: Deployment, *, jwks: bool) -> list[str]:
    """The directives, one per item but for blocks, which come as several; keys only as placeholders.

    `jwks` is whether the keys come as a JWK Set at JWKS_PATH: the only way to trust two at once.
    """
    env, hub = d.env, d.env.hub
    lines = _history(hub.history)
    if hub.delivery == "caddyfile" or jwks:
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


def _history(size: int) -> list[str]:
    # size 0 of the bolt transport means unlimited, so no history is the local transport
    if not size:
        return ["transport local"]
    return ["transport bolt {", "\tpath /data/mercure.db", f"\tsize {size}", "}"]


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
