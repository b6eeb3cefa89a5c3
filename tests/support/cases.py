"""Specs that several tests render: hubs, apps, algorithms; and the rendering itself."""

from pathlib import Path

import programs

ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "ES256"]
APPS = {
    "one": {"app": {"url": "https://app.example.com"}},
    "three": {
        "app": {"url": "https://app.example.com", "origins": ["https://*.wild.example.com"]},
        "admin": {"url": "https://admin.example.com"},
        "worker": {"url": "https://worker.example.net", "subscribe": False},
    },
}
HUBS: dict[str, tuple[str, dict[str, object]]] = {
    "caddyfile": ("coolify", {}),
    "environment": ("coolify", {"delivery": "environment", "subscriptions": True, "directives": ["heartbeat 15s"]}),
    "compose": ("compose", {"tls": "proxy", "port": 8080, "history": 0}),
}


def rendered(
    folder: Path,
    hub: tuple[str, dict[str, object]],
    apps: dict[str, object],
    algorithm: str = "HS256",
    **others: object,
) -> Path:
    platform, words = hub
    environment = {
        "platform": platform,
        "hub": {"url": "https://hub.example.com", **words},
        "apps": apps,
        "keys": {"algorithm": algorithm},
        **others,
    }
    spec = programs.spec_text({"version": 1, "environments": {"production": environment}}, folder / "mercure.yaml")
    programs.run("render", "-f", str(spec))
    return folder / "deploy/production"
