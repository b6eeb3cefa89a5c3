"""Specs that are right, generated from the words of the contract; and the files of one environment as a set-up."""

import random
from pathlib import Path
from typing import Any

ALGORITHMS = ["HS256", "HS256", "HS256", "HS384", "HS512", "RS256", "ES256"]
DIRECTIVES = ["heartbeat 15s", "write_timeout 20s", "dispatch_timeout 5s"]


def environment(number: int, rng: random.Random) -> dict[str, Any]:
    """An environment of a domain of its own."""
    domain, algorithm = f"e{number}.example.com", rng.choice(ALGORITHMS)
    platform = rng.choice(["coolify", "compose"])
    hub = {"url": f"https://hub.{domain}", **_generation(platform, algorithm, rng), **_place(platform, number, rng)}
    hub |= rng.choice([{}, {}, {"subscriptions": True}, {"history": rng.choice([0, 10, 10000])}])
    hub |= rng.choice([{}, {}, {"directives": rng.sample(DIRECTIVES, rng.randint(1, 2))}])
    names = rng.sample(["app", "admin", "shop"], rng.randint(1, 3))
    apps: dict[str, Any] = {name: {"url": f"https://{name}.{domain}"} for name in names}
    if len(names) > 1 and rng.random() < 0.3:
        apps[names[-1]]["subscribe"] = False
    if rng.random() < 0.2:
        apps[names[0]]["origins"] = [f"https://*.{names[0]}.{domain}"]
    return {"platform": platform, "hub": hub, "apps": apps, "keys": {"algorithm": algorithm}}


def _generation(platform: str, algorithm: str, rng: random.Random) -> dict[str, Any]:
    symmetric = algorithm.startswith("HS")
    if rng.random() < 0.25:
        return {"version": "1.0", **({"legacy_clients": True} if symmetric and rng.random() < 0.3 else {})}
    return {"delivery": "environment"} if platform == "coolify" and symmetric and rng.random() < 0.3 else {}


def _place(platform: str, number: int, rng: random.Random) -> dict[str, Any]:
    inside = {"internal_url": f"http://hub-{number}"} if rng.random() < 0.3 else {}
    if platform == "coolify":
        return inside
    if inside:
        inside["network"] = f"net-{number}"
    port = {"tls": "proxy", "port": 8080 + number % 900}
    return {**inside, **rng.choice([{}, {"tls": "hub", "email": "ops@example.com"}, port])}


def setups(folder: Path, apps: list[str]) -> dict[str, list[tuple[str, str]]]:
    """For each app the hub's files and its own, (path, text), as lint is given them."""
    hub = [folder / name for name in ("Caddyfile", "hub/Caddyfile", "hub.env", "docker-compose.yaml")]
    found: dict[str, list[tuple[str, str]]] = {}
    for name in apps:
        own = [folder / f"{name}.env", folder / f"symfony/{name}.mercure.yaml"]
        paths = [path for path in [*hub, *own] if path.is_file()]
        # the bundle's configuration is known by the folder that it is for
        found[name] = [(_called(path, folder), path.read_text()) for path in paths]
    return found


def _called(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    return "config/packages/mercure.yaml" if name.startswith("symfony/") else name
