"""Every platform by its name in the spec; what one writes and says is the business of its own module."""

from collections.abc import Iterator, Sequence

from mercure_deploy.errors import Trouble
from mercure_deploy.file import File
from mercure_deploy.spec import Environment
from mercure_deploy.targets.apps import values
from mercure_deploy.targets.plan import Deployment, Platform, target
from mercure_deploy.targets.platforms import compose, coolify, frankenphp, kubernetes, managed, other, systemd

_PLATFORMS = {
    "compose": compose.PLATFORM,
    "coolify": coolify.PLATFORM,
    "frankenphp": frankenphp.PLATFORM,
    "kubernetes": kubernetes.PLATFORM,
    "managed": managed.PLATFORM,
    "other": other.PLATFORM,
    "systemd": systemd.PLATFORM,
}


def platform(d: Deployment) -> Platform:
    """The platform of a deployment."""
    return _PLATFORMS[d.env.platform]


def foreign(env: Environment) -> str | None:
    """Whose job the keys of an environment are, None where they are ours."""
    return _PLATFORMS[env.platform].foreign


@target
def hub(d: Deployment) -> Iterator[File]:
    """The files of the hub, as its platform has them. Trouble where two keys are in use, and it can take one."""
    reason = platform(d).one_key(d) if len(d.ring.keys) > 1 else None
    if reason:
        hint = f"rotate-keys {d.name} --now makes one of them, for hub and apps together"
        raise Trouble(f"{d.name}: a rotation is open, and here the hub cannot trust two keys: {reason}", hint=hint)
    yield from platform(d).files(d)


@target
def app_files(d: Deployment) -> Iterator[File]:
    """The variables of the apps, as the platform takes them."""
    for name in d.env.apps:
        yield platform(d).app_file(d, name, variables_of(d, name))


def variables_of(d: Deployment, app: str) -> dict[str, str]:
    """The variables of that app by name, secrets among them."""
    return platform(d).app_values(d, app, values(d, app))


def app_path(d: Deployment, app: str) -> str:
    """Where the variables of that app stand, within the folder of its environment."""
    return platform(d).app_path.format(app)


def private_directories(deployments: Sequence[Deployment]) -> frozenset[str]:
    """The folders, relative to the root, that only their owner may enter."""
    return frozenset(f"{d.name}/{folder}" for d in deployments for folder in platform(d).private)
