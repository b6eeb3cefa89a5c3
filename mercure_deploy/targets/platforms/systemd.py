"""Platform systemd: the hub's program as a service of the machine, hardened, with its keys in /etc/mercure.

The unit is what ran in a real systemd 252: `systemd-analyze verify` has nothing to say, `security` gives 1.4.
"""

from collections.abc import Iterator, Mapping

from mercure_deploy.file import PUBLIC, SECRET, File
from mercure_deploy.targets.hub import caddyfile, key_set, needs_restart
from mercure_deploy.targets.plan import Deployment, Platform
from mercure_deploy.targets.proxies import backend, snippets
from mercure_deploy.targets.render import render

BINARY = "/usr/local/bin/mercure"
STATE = "/var/lib/mercure"
# the admin API as a socket: a TCP port is open to every user of the machine, and taken by another Caddy
_ADMIN = "admin unix//run/mercure/admin.sock"
_RELOAD = "sudo sh install.sh && sudo systemctl reload mercure (cuts no stream)"
_RESTART = "sudo sh install.sh && sudo systemctl restart mercure (a reload cannot change the size of the history)"
_NAMES = ("Caddyfile", "install.sh", "jwks.json", "mercure.service", "mercure.sysusers", "mercure.tmpfiles")


def files(d: Deployment) -> Iterator[File]:
    """Configuration, keys, the unit with its user and folders, and what puts each of them in its place."""
    binary = d.env.hub.binary or BINARY
    extra = [_ADMIN]
    yield File("Caddyfile", caddyfile(d, jwks=True, store=STATE, options=extra, bind=_bind(d), port=d.env.port))
    yield File("jwks.json", key_set(d).encode(), SECRET)
    yield File("mercure.service", render("systemd/mercure.service.j2", binary=binary))
    yield File("mercure.sysusers", render("systemd/mercure.sysusers.j2"))
    yield File("mercure.tmpfiles", render("systemd/mercure.tmpfiles.j2"))
    yield File("install.sh", render("systemd/install.sh.j2", binary=binary), PUBLIC)


def _bind(d: Deployment) -> str | None:
    """The address of the port, None where the hub is reached by everybody: as part of a site it would mean TLS."""
    return d.env.bind if d.env.tls == "proxy" else None


def deploy_hub(_: Deployment) -> str:
    """How new keys reach the hub."""
    return _RELOAD


def words(d: Deployment) -> dict[str, object]:
    """What the README needs: where things lie, the port, and the proxy before it."""
    env = d.env
    inside = ", which is this machine: for apps that run on it."
    return {
        "logs": "`journalctl -u mercure`",
        "secrets": "`keys.json`, `jwks.json` and the `*.env` files",
        "binary": env.hub.binary or BINARY,
        "port": env.port,
        "bind": env.bind,
        "proxies": snippets(d, backend(d)) if env.tls == "proxy" else {},
        "inside": inside if env.inside else None,
        "redeploy": "Restart **web, workers and cron**: each of them signs.",
    }


def applied(changed: Mapping[str, tuple[bytes, bytes]]) -> str | None:
    """How changed files of the hub come into force."""
    if "mercure.service" in changed or needs_restart(*changed.get("Caddyfile", (b"", b""))):
        return _RESTART
    return _RELOAD if changed else None


PLATFORM = Platform(files, _NAMES, deploy_hub, words, applied)
