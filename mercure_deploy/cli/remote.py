"""What Coolify has of environments, for commands that only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mercure_deploy.cli.push import Way, connected
from mercure_deploy.cli.terminal import err
from mercure_deploy.errors import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mercure_deploy.errors import Problem
    from mercure_deploy.push import Remote
    from mercure_deploy.spec import Loaded


REMOTE = click.option("--remote", is_flag=True, help="What Coolify has, too; nothing is written there.")
TOKEN = click.option("--token-file", metavar="FILE", help="With --remote: the API token, instead of COOLIFYTOKEN.")
CACERT = click.option("--cacert", metavar="FILE", help="With --remote: a certificate authority of your own, PEM.")


def remote(
    loaded: Loaded, names: Iterable[str], root: Path, token_file: str | None, cacert: str | None
) -> tuple[dict[str, Remote], list[Problem]]:
    """What Coolify has of these environments, those that say where it is; and why it is unknown where it is.

    Trouble when none of them says it, and without a token.
    """
    from mercure_deploy import push as pushing

    way = Way(token_file, None, cacert)
    found: dict[str, Remote] = {}
    problems: list[Problem] = []
    for name in names:
        env = loaded.spec.environments[name]
        if env.coolify is None:
            continue
        way.token()
        if env.coolify.url.scheme == "http" and not env.coolify.url.is_local:
            what = f"{name}: the API token goes to {env.coolify.url} in plain http"
            err(f"mercure-deploy: warning: {what} [secret-exposure]")
        try:
            with connected(loaded, name, root, way, exclusive=False, reading=True) as where:
                found[name] = pushing.state(pushing.plan(where, pushing.Wish()), env.apps)
        except Trouble as error:
            found[name] = {"hub": "unknown", "apps": dict.fromkeys(env.apps, "unknown"), "drift": []}
            problems += error.problems
    if not found:
        hint = "say coolify: {url: https://…, project: …} in an environment, see docs/spec.md"
        raise Trouble("the spec does not say where Coolify is", hint=hint)
    return found, problems


def remote_lines(found: Mapping[str, Remote]) -> Iterator[str]:
    """The same for people, a line for each side."""
    for name, each in found.items():
        apps = ", ".join(f"{app} {state}" for app, state in each["apps"].items())
        yield f"{name}: in Coolify: hub {each['hub']}, {apps}"
        yield from (f"  {line}" for line in each["drift"])


def behind(there: dict[str, Remote]) -> bool:
    """Whether something in Coolify is not as the files say, or does not run yet."""
    if not there:
        return False
    from mercure_deploy import push as pushing

    return any(map(pushing.behind, there.values()))


def lines_of(there: dict[str, Remote]) -> list[str]:
    """The lines for people, none where Coolify was not asked."""
    return list(remote_lines(there)) if there else []
