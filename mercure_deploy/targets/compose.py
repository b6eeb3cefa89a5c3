"""Platform compose: the folder that is mounted into the hub, and the compose file that is run as it is."""

from collections.abc import Iterator

from mercure_deploy import keys
from mercure_deploy.targets.hub import caddyfile, jwk_set
from mercure_deploy.targets.output import SECRET, File
from mercure_deploy.targets.planning import Deployment, Platform
from mercure_deploy.targets.render import render

_RELOAD = (
    "docker compose exec -T mercure caddy reload --force --config /etc/mercure/Caddyfile --adapter caddyfile"
    " (cuts no stream)"
)


def files(d: Deployment) -> Iterator[File]:
    """The files of the hub. The JWK Set is read again at a forced reload."""
    ports = ["80:80", "443:443", "443:443/udp"] if d.env.tls == "hub" else [f"127.0.0.1:{d.env.hub.port}:80"]
    yield File("hub/Caddyfile", caddyfile(d, jwks=True))
    yield File("hub/jwks.json", jwk_set([keys.jwk(key) for key in d.ring.keys]).encode(), SECRET)
    yield File("docker-compose.yaml", render("compose/docker-compose.yaml.j2", image=d.env.hub.release, ports=ports))


def variables(_: Deployment) -> dict[str, str]:
    """The variables of the hub's container: none, it reads its folder."""
    return {}


def deploy_hub(_: Deployment) -> str:
    """How new keys reach the hub."""
    return _RELOAD


PLATFORM = Platform(files, variables, deploy_hub, private=("hub",))
