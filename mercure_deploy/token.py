"""`token`: a token by hand, for a look at a hub with curl."""

from collections.abc import Mapping
from datetime import datetime

from mercure_deploy.errors import Trouble, closest
from mercure_deploy.keys import Key, KeyRing
from mercure_deploy.live import tokens
from mercure_deploy.live.tokens import Grants
from mercure_deploy.spec import Environment


def mint(  # noqa: PLR0913 - what is said of it, one by one
    env: Environment, ring: KeyRing, grants: Grants, expiry: datetime, *, app: str | None, mark: str | None
) -> tuple[str, Mapping[str, object], Key]:
    """A token of that environment, its claims, and the key that signed it: the current one, or that with the mark.

    `app` is whose token it is, which hub 1.0 is told. Trouble when there is no such app or key, or no grant.
    """
    if not grants.publish and not grants.subscribe:
        hint = "--publish TOPIC or --subscribe TOPIC; * is every topic"
        raise Trouble("a token without a grant is of no use", hint=hint)
    if app is not None and app not in env.apps:
        raise Trouble("there is no such app", hint=closest(app, env.apps))
    key = next((key for key in ring.keys if key.fingerprint == mark), None) if mark else ring.current
    if key is None:
        raise Trouble("there is no such key", hint=f"known are: {', '.join(key.fingerprint for key in ring.keys)}")
    client = str(env.apps[app].url) if app else "mercure-deploy"
    said = tokens.claims(env.hub, grants, expiry, client)
    return tokens.sign(key, env.hub, said), said, key
