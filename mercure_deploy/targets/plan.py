"""The list of targets and the plan of all files; what the single files say is the business of the targets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mercure_deploy import keys
from mercure_deploy.file import SECRET, File
from mercure_deploy.keys import Key, KeyRing
from mercure_deploy.spec import Environment
from mercure_deploy.targets import manifest
from mercure_deploy.targets.render import render

Role = Literal["publisher", "subscriber"]
ROLES: tuple[Role, ...] = ("publisher", "subscriber")


@dataclass(frozen=True)
class Deployment:
    """One environment to render. `before` are the files of its last manifest that still lie on disk."""

    name: str
    env: Environment
    ring: KeyRing
    before: tuple[str, ...] = ()

    def signer(self, app: str) -> Key:  # noqa: ARG002 - all apps sign with one key, until an app has one of its own
        """The key with which that app signs its tokens."""
        return self.ring.current

    def trusted(self, role: Role) -> tuple[Key, ...]:  # noqa: ARG002 - both roles trust the same keys as yet
        """The keys whose tokens the hub takes for a role, that with which apps sign among them."""
        return tuple(self.ring.keys)


Target = Callable[[Deployment], Iterator[File]]
GITIGNORE = ".gitignore"


def env_file(_: Deployment, app: str, values: Mapping[str, str]) -> File:
    """The variables of an app as an env file."""
    return File(f"{app}.env", render("env.j2", values=values), SECRET)


def same_values(_: Deployment, __: str, values: dict[str, str]) -> dict[str, str]:
    """The variables of an app as every platform has them."""
    return values


def no_variables(_: Deployment) -> dict[str, str]:
    """The variables of a hub that reads files, or has those of an app."""
    return {}


def redeploy(_: Deployment, apps: Sequence[str]) -> str:
    """How these apps take their new variables."""
    return f"redeploy {', '.join(apps)}: web, workers and cron"


def no_reason(_: Deployment) -> None:
    """No reason against two keys at once, nor against a key pair."""


@dataclass(frozen=True)
class Platform:
    """What runs the hub: a module of its own has one of these; its README is `templates/<platform>/README.md.j2`.

    `files` are those of the hub, `names` where each of them may lie, `variables` what stands in hub.env, `deploy_hub`
    how new keys come into force, in half a sentence; `words` are what its README needs beside what every README gets.
    `applied` says how changed files of the hub, (old, new) by their path, come into force, None when none of them is
    the hub's. `private` are the folders that only their owner may enter, as they are mounted into a hub with secrets in
    them. `mark` is what the hub of a render answers below its path, None where a hub takes new files without being
    started anew.

    Of an app `app_values` are the variables, given those of every platform, `app_path` the file in which they stand,
    with {} for its name, and `app_file` that file; `deploy_apps` says how they come into force. `one_key` is why the
    hub cannot trust two keys at once, None where it can, `no_pair` why no key pair reaches it; `foreign` is whose job
    its keys are, None where they are ours.
    """

    files: Target
    names: tuple[str, ...]
    deploy_hub: Callable[[Deployment], str]
    words: Callable[[Deployment], dict[str, object]]
    applied: Callable[[Mapping[str, tuple[bytes, bytes]]], str | None]
    variables: Callable[[Deployment], dict[str, str]] = no_variables
    private: tuple[str, ...] = ()
    mark: Callable[[Deployment], str] | None = None
    app_values: Callable[[Deployment, str, dict[str, str]], dict[str, str]] = same_values
    app_path: str = "{}.env"
    app_file: Callable[[Deployment, str, Mapping[str, str]], File] = env_file
    deploy_apps: Callable[[Deployment, Sequence[str]], str] = redeploy
    one_key: Callable[[Deployment], str | None] = no_reason
    no_pair: Callable[[Deployment], str | None] = no_reason
    foreign: str | None = None


_TARGETS: list[Target] = []


def target(function: Target) -> Target:
    """Add a kind of file to the plan."""
    _TARGETS.append(function)
    return function


def plan(deployments: Sequence[Deployment]) -> list[File]:
    """Every file of these environments, paths relative to the root, in the order in which they must reach the disk.

    The rings come first: all else can be derived from them again. The manifests come last: until then a run that was
    killed is known by a ring that is ahead of its manifest.
    """
    rings, rest, manifests = [], [], []
    for d in deployments:
        files = sorted((file for each in _TARGETS for file in each(d)), key=lambda file: file.path)
        rings.append(_below(d, File("keys.json", keys.dumps(d.ring), SECRET)))
        rest += [_below(d, file) for file in files]
        names = ["keys.json", *(file.path for file in files), *d.before]
        manifests.append(_below(d, File(manifest.NAME, manifest.dumps(names, keys.public_view(d.ring)))))
    return [*rings, gitignore(), *rest, *manifests]


def _below(d: Deployment, file: File) -> File:
    return File(f"{d.name}/{file.path}", file.content, file.mode)


def gitignore() -> File:
    """What git is not to track below the root."""
    return File(GITIGNORE, render("gitignore.j2"))
