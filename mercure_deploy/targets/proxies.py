"""What a proxy in front of the hub has to be told, for each of those that are common."""

from mercure_deploy.targets.plan import Deployment
from mercure_deploy.targets.render import render

_PROXIES = ("apache", "caddy", "haproxy", "lighttpd", "nginx", "squid", "traefik", "varnish")


def snippets(d: Deployment, backend: str) -> dict[str, str]:
    """The lines for each proxy, by its name; `backend` is host and port at which it finds the hub."""
    values = {
        "name": d.name,
        "hub_host": d.env.hub.url.host,
        "hub_hosts": [name.host for name in d.env.hub_names],
        "hub_path": d.env.hub.path,
        "shared_origin": d.env.shares_origin,
        "backend": backend,
    }
    return {name: render(f"proxies/{name}.j2", **values).decode().rstrip("\n") for name in _PROXIES}


def backend(d: Deployment) -> str:
    """Host and port at which a proxy of this machine finds the hub."""
    host = f"[{d.env.bind}]" if ":" in d.env.bind else d.env.bind
    return f"{'127.0.0.1' if host == '0.0.0.0' else host}:{d.env.port}"  # noqa: S104 - any address is this one
