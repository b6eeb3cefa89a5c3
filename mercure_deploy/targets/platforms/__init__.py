"""Every platform by its name in the spec; what one writes and says is the business of its own module."""

from collections.abc import Iterator, Sequence

from mercure_deploy.file import File
from mercure_deploy.targets.plan import Deployment, Platform, target
from mercure_deploy.targets.platforms import compose, coolify

_PLATFORMS = {"compose": compose.PLATFORM, "coolify": coolify.PLATFORM}


def platform(d: Deployment) -> Platform:
    """The platform of a deployment."""
    return _PLATFORMS[d.env.platform]


@target
def hub(d: Deployment) -> Iterator[File]:
    """The files of the hub, as its platform has them."""
    yield from platform(d).files(d)


def private_directories(deployments: Sequence[Deployment]) -> frozenset[str]:
    """The folders, relative to the root, that only their owner may enter."""
    return frozenset(f"{d.name}/{folder}" for d in deployments for folder in platform(d).private)
