"""Platform managed: a hub that others run; only the apps have files, and the key is the one that was handed out."""

from collections.abc import Iterator, Mapping

from mercure_deploy.file import File
from mercure_deploy.targets.plan import Deployment, Platform


def files(_: Deployment) -> Iterator[File]:
    """The files of the hub: none, it is not ours."""
    yield from ()


def deploy_hub(_: Deployment) -> str:
    """How new keys reach the hub."""
    return "by who runs it"


def words(d: Deployment) -> dict[str, object]:
    """What the README needs: what has to be set where the hub is run."""
    return {
        "logs": "what its provider shows of it",
        "secrets": "`keys.json` and the `*.env` files",
        "origins": [str(origin) for origin in d.env.origins],
        "inside": ", another way to the same hub." if d.env.hub.internal_url else None,
    }


def applied(_: Mapping[str, tuple[bytes, bytes]]) -> str | None:
    """How changed files of the hub come into force: there is none."""
    return None


PLATFORM = Platform(files, (), deploy_hub, words, applied, foreign="who runs the hub")
