"""`rotate-keys`: the steps of a rotation, each a transition of the ring with the ordinary render behind it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from mercure_deploy import disk, keys
from mercure_deploy.keys import KeyRing
from mercure_deploy.rings import Known
from mercure_deploy.root import View, lost, view
from mercure_deploy.spec import Environment, Spec

Changes = list[tuple[str, str]]


def now(spec: Spec, name: str, root: Path, moment: datetime, *, waiting: Callable[[], None]) -> tuple[Changes, View]:
    """Replace every key of the environment by one fresh key, whatever state the ring is in, even if it is lost."""

    def replaced(known: Known, env: Environment) -> KeyRing:
        rings = [ring for ring in (known.ring, known.public) if ring]
        gone = {key.id for ring in rings for key in ring.keys} | {id_ for ring in rings for id_ in ring.replaced}
        return keys.replace_all(env.keys.algorithm, moment, gone)

    with disk.lock(root, waiting=waiting):
        planned = view(spec, [name], root, replaced, lost)
        return disk.commit(root, planned.files, private=planned.private), planned


def next_after_now(name: str, env: Environment) -> Iterator[str]:
    """What to deploy after all keys were replaced."""
    apps = ", ".join(f"{name}/{app}.env" for app in sorted(env.apps))
    yield f"deploy hub and apps together, as {name}/README.md says: until both are out, publishing is refused"
    if env.platform == "coolify":
        yield "hub: paste docker-compose.yaml and hub.env, restart the Service"
    else:
        yield "hub: docker compose up -d, then docker compose exec -T mercure caddy reload --force " + _CONFIG
    yield f"apps: {apps}; redeploy web, workers and cron"
    yield "pages that are open get 401 at their next connection and need a fresh cookie: reload them"


_CONFIG = "--config /etc/mercure/Caddyfile --adapter caddyfile"
