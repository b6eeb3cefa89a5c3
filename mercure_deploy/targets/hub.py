"""What the platforms share of the hub's files: the Caddyfile and the text of a JWK Set."""

import json
import re
from collections.abc import Sequence

from mercure_deploy import keys
from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH
from mercure_deploy.spec import Environment
from mercure_deploy.targets import directives
from mercure_deploy.targets.plan import Deployment
from mercure_deploy.targets.render import render

# below the hub's path: what the container that runs was rendered from
MARK_PATH = "/mercure-deploy"
# in which each of several hubs says its name
INSTANCE = "Mercure-Deploy-Hub"


def caddyfile(  # noqa: PLR0913 - each is a line that some platform needs
    d: Deployment,
    *,
    jwks: bool,
    mark: str | None = None,
    store: str = "/data",
    port: int | None = None,
    bind: str | None = None,
    options: Sequence[str] = (),
    instance: bool = False,
) -> bytes:
    """The Caddyfile of the hub, keys only as placeholders; `jwks` and `store` as in `directives.mercure_block`.

    `mark` is what it answers at `MARK_PATH` below its path, None where it answers nothing there; `port` where it
    listens behind a proxy, 80 when None, and `bind` at which address, all when None; `options` are further global ones;
    `instance` is whether each answer says in `INSTANCE` which of several hubs gave it.
    """
    env = d.env
    return render(
        "Caddyfile.j2",
        options=[directives.GRACE_PERIOD, *options, *([f"email {env.hub.email}"] if env.hub.email else [])],
        sites=", ".join(_sites(env, port or 80)),
        bind=bind,
        instance=f"{INSTANCE} {{env.POD_NAME}}" if instance else None,
        paths=" ".join(dict.fromkeys(each for path in (env.hub.path, HUB_PATH) for each in (path, f"{path}/*"))),
        methods=" ".join(GENERATIONS[env.hub.version].methods),
        rewrite=rewrite(env),
        marked=[] if mark is None else marked(env, mark),
        local_certificate=env.tls == "hub" and env.mode == "development",
        lines=directives.mercure_block(d, jwks=jwks, store=store),
    )


def _sites(env: Environment, port: int) -> list[str]:
    if env.tls == "proxy":
        # never the domain: a request under another Host would get an empty 200
        return [f":{port}"]
    # without TLS only for who is in the network of the apps
    inside = [f"http://{env.alias}"] if env.alias else []
    return [*(str(name).removeprefix("https://") for name in env.hub_names), *inside]


def rewrite(env: Environment) -> list[str]:
    """The directives of the site that make the hub's own path of the public one, none where they are the same."""
    path = env.hub.path
    if path == HUB_PATH:
        return []
    return [f"@public path {path} {path}/*", f"uri @public replace {path} {HUB_PATH} 1"]


def marked(env: Environment, mark: str) -> list[str]:
    """The directives of the site that name the render, to whoever asks: push learns by it which container runs."""
    return [f"rewrite {env.hub.path}{MARK_PATH} {MARK_PATH}", f"respond {MARK_PATH} {mark or '-'}"]


# lines of the mercure block that the running hub keeps until it ends: a reload with others fails (measured)
_FIXED = re.compile(rb"^\s*(?:size|path|name|subscriber_list_cache_size) .*$", re.MULTILINE)


def needs_restart(old: bytes, new: bytes) -> bool:
    """Whether the hub cannot take the second Caddyfile for the first by a reload."""
    return _FIXED.findall(old) != _FIXED.findall(new)


def key_set(d: Deployment) -> str:
    """The JWK Set of all keys that the hub is to trust, their secrets in it."""
    return jwk_set([keys.jwk(key) for key in d.ring.keys])


def jwk_set(rows: Sequence[dict[str, str]]) -> str:
    """A JWK Set (RFC 7517) in one line."""
    return f'{{"keys":[{",".join(json.dumps(row, separators=(",", ":")) for row in rows)}]}}\n'
