"""Every platform by its name in the spec; what one writes and says is the business of its own module."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module

from mercure_deploy.errors import Problem, Trouble
from mercure_deploy.file import File
from mercure_deploy.spec import Environment
from mercure_deploy.targets.apps import values
from mercure_deploy.targets.plan import Deployment, Platform, target


@cache
def _named(name: str) -> Platform:
    """The platform of that name: a spec has one or two of them, and the modules of the others are not read."""
    found: Platform = import_module(f"{__name__}.{name}").PLATFORM
    return found


def platform(d: Deployment) -> Platform:
    """The platform of a deployment."""
    return _named(d.env.platform)


def foreign(env: Environment) -> str | None:
    """Whose job the keys of an environment are, None where they are ours."""
    return _named(env.platform).foreign


@target
def hub(d: Deployment) -> Iterator[File]:
    """The files of the hub, as its platform has them."""
    yield from _fitting(d).files(d)


def _fitting(d: Deployment) -> Platform:
    """The platform of a deployment. Trouble where it cannot take the keys of its ring: two at once, or a pair."""
    found = platform(d)
    hint = f"rotate-keys {d.name} --now makes one of {d.env.keys.algorithm}, for hub and apps together"
    reason = found.one_key(d) if len(d.ring.keys) > 1 else None
    if reason:
        raise Trouble(f"{d.name}: a rotation is open, and here the hub cannot trust two keys: {reason}", hint=hint)
    pairs = [key.algorithm for key in d.ring.keys if not key.symmetric]
    reason = found.no_pair(d) if pairs else None
    if reason:
        raise Trouble(Problem(f"{d.name}: its key is {pairs[0]}, and {reason}", hint, id="alg-mismatch"))
    return found


@target
def app_files(d: Deployment) -> Iterator[File]:
    """The variables of the apps, as the platform takes them."""
    for name in d.env.apps:
        yield _fitting(d).app_file(d, name, variables_of(d, name))


def variables_of(d: Deployment, app: str) -> dict[str, str]:
    """The variables of that app by name, secrets among them."""
    return platform(d).app_values(d, app, values(d, app))


def app_path(d: Deployment, app: str) -> str:
    """Where the variables of that app stand, within the folder of its environment."""
    return platform(d).app_path.format(app)


def private_directories(deployments: Sequence[Deployment]) -> frozenset[str]:
    """The folders, relative to the root, that only their owner may enter."""
    return frozenset(f"{d.name}/{folder}" for d in deployments for folder in platform(d).private)
