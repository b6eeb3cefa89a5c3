"""Platform compose: the folder that is mounted into the hub, and the compose file that is run as it is."""

import re
from collections.abc import Iterator, Mapping

from mercure_deploy import keys
from mercure_deploy.file import SECRET, File
from mercure_deploy.targets.hub import caddyfile, jwk_set
from mercure_deploy.targets.plan import Deployment, Platform
from mercure_deploy.targets.render import render

_PROXIES = ("apache", "caddy", "nginx", "traefik")
# lines of the mercure block that the running hub keeps until it ends: a reload with others fails (measured)
_FIXED = re.compile(rb"^\s*(?:size|path|name|subscriber_list_cache_size) .*$", re.MULTILINE)
_RELOAD = (
    "docker compose exec -T mercure caddy reload --force --config /etc/mercure/Caddyfile --adapter caddyfile"
    " (cuts no stream)"
)


def files(d: Deployment) -> Iterator[File]:
    """The files of the hub. The JWK Set is read again at a forced reload."""
    address = f"[{d.env.bind}]" if ":" in d.env.bind else d.env.bind
    ports = ["80:80", "443:443", "443:443/udp"] if d.env.tls == "hub" else [f"{address}:{d.env.hub.port}:80"]
    yield File("hub/Caddyfile", caddyfile(d, jwks=True))
    yield File("hub/jwks.json", jwk_set([keys.jwk(key) for key in d.ring.keys]).encode(), SECRET)
    text = render(
        "compose/docker-compose.yaml.j2",
        project=project(d),
        image=d.env.hub.release,
        fast=d.env.hub.starts_fast,
        ports=ports,
        network=(d.env.hub.network, d.env.alias) if d.env.alias else None,
    )
    yield File("docker-compose.yaml", text)


def project(d: Deployment) -> str:
    """The name of the compose project: without one every `production` on a machine would be one and the same."""
    url = d.env.hub.url
    host = re.sub(r"[^a-z0-9]+", "-", url.host).strip("-")
    return f"mercure-{host}" + (f"-{url.port}" if url.port else "")


def variables(_: Deployment) -> dict[str, str]:
    """The variables of the hub's container: none, it reads its folder."""
    return {}


def deploy_hub(_: Deployment) -> str:
    """How new keys reach the hub."""
    return _RELOAD


def words(d: Deployment) -> dict[str, object]:
    """What the README needs: the published port, the proxy before it, and how the apps get to it inside."""
    env = d.env
    inside = f": start them in the network `{env.hub.network}` (`networks: {{{env.hub.network}: {{external: true}}}}`)."
    host = f"[{env.bind}]" if ":" in env.bind else env.bind
    values = {
        "name": d.name,
        "hub_host": env.hub.url.host,
        "hub_hosts": [name.host for name in env.hub_names],
        "hub_path": env.hub.path,
        "shared_origin": env.shares_origin,
        "backend": f"{'127.0.0.1' if host == '0.0.0.0' else host}:{env.hub.port}",  # noqa: S104 - any address is this one
    }
    proxies = {name: render(f"compose/proxies/{name}.j2", **values).decode().rstrip("\n") for name in _PROXIES}
    return {
        "port": env.hub.port,
        "bind": env.bind,
        "network": env.hub.network if env.alias else None,
        "inside": inside if env.alias else None,
        "proxies": proxies if env.tls == "proxy" else {},
    }


def applied(changed: Mapping[str, tuple[bytes, bytes]]) -> str | None:
    """How changed files of the hub come into force."""
    if "docker-compose.yaml" in changed:
        return "docker compose up -d --wait"
    old, new = changed.get("hub/Caddyfile", (b"", b""))
    if _FIXED.findall(old) != _FIXED.findall(new):
        return "docker compose restart mercure (a reload cannot change the size of the history)"
    return _RELOAD if changed.keys() & {"hub/Caddyfile", "hub/jwks.json"} else None


PLATFORM = Platform(files, variables, deploy_hub, words, applied, private=("hub",))
