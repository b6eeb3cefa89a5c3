"""Platform compose: the folder that is mounted into the hub, and the compose file that is run as it is."""

import re
from collections.abc import Iterator, Mapping

from mercure_deploy.file import SECRET, File
from mercure_deploy.spec.hub import Traefik
from mercure_deploy.targets.hub import caddyfile, key_set, needs_restart
from mercure_deploy.targets.plan import Deployment, Platform
from mercure_deploy.targets.proxies import backend, snippets
from mercure_deploy.targets.render import render

_RELOAD = (
    "docker compose exec -T mercure caddy reload --force --config /etc/mercure/Caddyfile --adapter caddyfile"
    " (cuts no stream)"
)


def files(d: Deployment) -> Iterator[File]:
    """The files of the hub. The JWK Set is read again at a forced reload."""
    address = f"[{d.env.bind}]" if ":" in d.env.bind else d.env.bind
    ports = ["80:80", "443:443", "443:443/udp"] if d.env.tls == "hub" else [f"{address}:{d.env.hub.port}:80"]
    yield File("hub/Caddyfile", caddyfile(d, jwks=True))
    yield File("hub/jwks.json", key_set(d).encode(), SECRET)
    text = render(
        "compose/docker-compose.yaml.j2",
        project=project(d),
        image=d.env.hub.release,
        fast=d.env.hub.starts_fast,
        ports=[] if d.env.hub.proxy else ports,
        networks=_networks(d),
        labels=_labels(d),
    )
    yield File("docker-compose.yaml", text)


def _networks(d: Deployment) -> dict[str, str | None]:
    """The external networks that the hub joins, each with its name there, None where it needs none."""
    found: dict[str, str | None] = {_traefik(d).network: None} if d.env.hub.proxy else {}
    if d.env.alias and d.env.hub.network:
        found[d.env.hub.network] = d.env.alias
    return found


def _traefik(d: Deployment) -> Traefik:
    return d.env.hub.traefik or Traefik()


def _labels(d: Deployment) -> dict[str, str]:
    """What a Traefik of the machine reads, none for another proxy.

    With `retry` a request while the hub restarts waits instead of being answered 502 (measured, 3.6.12 and 3.7.15).
    """
    if not d.env.hub.proxy:
        return {}
    said = _traefik(d)
    name = said.router or f"mercure-{d.name}"
    router, retry = f"traefik.http.routers.{name}", f"traefik.http.middlewares.{name}-retry.retry"
    plain = d.env.hub.url.scheme == "http"
    tls = {f"{router}.tls": "true"} if said.certresolver is None else {f"{router}.tls.certresolver": said.certresolver}
    return {
        "traefik.enable": "true",
        "traefik.docker.network": said.network,
        f"{router}.rule": _rule(d),
        f"{router}.entrypoints": said.entrypoint or ("web" if plain else "websecure"),
        **({} if plain else tls),
        f"{router}.middlewares": f"{name}-retry",
        f"{router}.service": name,
        f"{retry}.attempts": "10",
        f"{retry}.initialinterval": "500ms",
        f"traefik.http.services.{name}.loadbalancer.server.port": "80",
    }


def _rule(d: Deployment) -> str:
    """Which requests are the hub's: all to its names, or those to its path where an app has one of them."""
    hosts = " || ".join(f"Host(`{name.host}`)" for name in d.env.hub_names)
    if not d.env.shares_origin:
        return hosts
    path = d.env.hub.path
    several = f"({hosts})" if len(d.env.hub_names) > 1 else hosts
    return f"{several} && (Path(`{path}`) || PathPrefix(`{path}/`))"


def project(d: Deployment) -> str:
    """The name of the compose project: without one every `production` on a machine would be one and the same."""
    url = d.env.hub.url
    host = re.sub(r"[^a-z0-9]+", "-", url.host).strip("-")
    return f"mercure-{host}" + (f"-{url.port}" if url.port else "")


def deploy_hub(_: Deployment) -> str:
    """How new keys reach the hub."""
    return _RELOAD


def words(d: Deployment) -> dict[str, object]:
    """What the README needs: the published port, the proxy before it, and how the apps get to it inside."""
    env = d.env
    inside = f": start them in the network `{env.hub.network}` (`networks: {{{env.hub.network}: {{external: true}}}}`)."
    return {
        "logs": "`docker compose logs mercure`",
        "secrets": "`keys.json`, the `*.env` files and `hub/jwks.json`",
        "port": env.hub.port,
        "bind": env.bind,
        "network": env.hub.network if env.alias else None,
        "inside": inside if env.alias else None,
        "proxies": snippets(d, backend(d)) if env.tls == "proxy" and not env.hub.proxy else {},
        "traefik": _traefik(d) if env.hub.proxy else None,
    }


def applied(changed: Mapping[str, tuple[bytes, bytes]]) -> str | None:
    """How changed files of the hub come into force."""
    if "docker-compose.yaml" in changed:
        return "docker compose up -d --wait"
    if needs_restart(*changed.get("hub/Caddyfile", (b"", b""))):
        return "docker compose restart mercure (a reload cannot change the size of the history)"
    return _RELOAD if changed.keys() & {"hub/Caddyfile", "hub/jwks.json"} else None


_NAMES = ("docker-compose.yaml", "hub/Caddyfile", "hub/jwks.json")
PLATFORM = Platform(files, _NAMES, deploy_hub, words, applied, private=("hub",))
