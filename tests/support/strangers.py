"""A hub that probes are asked about, without one: its spec, its ring, and what is known of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mercure_deploy import keys
from mercure_deploy.hub.fetch import Way
from mercure_deploy.probes.engine import Target
from mercure_deploy.spec import Hub, load

KEY = "k7Qz" * 16
ID = "urn:uuid:01a20dce-3b6e-7525-8b1a-c9bdd530092c"
URL = "https://hub.example.com/.well-known/mercure"
SPEC = load(
    b"version: 1\nenvironments:\n  production:\n    hub: {url: 'https://hub.example.com'}\n"
    b"    apps: {app: {url: 'https://app.example.com'}}\n",
    "m",
).spec
RING = keys.kept(KEY, "HS256", datetime(2026, 1, 1, tzinfo=UTC))
MARK = RING.current.fingerprint


def target(**changed: Any) -> Target:
    said = Target("x", Hub.model_validate({"url": "https://hub.example.com"}), Way(), lambda: datetime.now(UTC))
    return replace(said, **changed)
