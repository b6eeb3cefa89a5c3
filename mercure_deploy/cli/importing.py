"""`import`: which files, what is asked, and what is said before anything is written."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mercure_deploy.cli.common import NO, OK, common, err, note, now, root_of, supported
from mercure_deploy.cli.writing import PLATFORMS, Begun, asked_url, written
from mercure_deploy.errors import Trouble, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mercure_deploy.importing import Left
    from mercure_deploy.keys import KeyRing
    from mercure_deploy.readers.setup import Setup
    from mercure_deploy.root.beginning import Draft


@click.command("import")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option("--app", "apps", multiple=True, metavar="[NAME=]URL", help="Origin of an app's pages; may be repeated.")
@click.option("--hub", metavar="URL", help="Origin of the hub as browsers see it; default: what the files say.")
@click.option("--env", "name", default="production", show_default=True, metavar="NAME", help="Name of the environment.")
@click.option("--platform", type=PLATFORMS, help="Where the hub runs; default: by the files.")
@click.option("--hub-version", "version", type=click.Choice(["0.24", "1.0"]), help="Default: by the files.")
@click.option("--use", type=click.Choice(["app", "hub"]), help="Whose key is kept where the two differ.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common(several=False)
def import_(  # noqa: PLR0913 - each is an option of the command
    *,
    paths: tuple[str, ...],
    apps: tuple[str, ...],
    hub: str | None,
    name: str,
    platform: str | None,
    version: str | None,
    use: str | None,
    yes: bool,
    spec: str,
    output: str | None,
) -> int:
    """Begin with what is there: the spec and the key ring of a deployment that runs, from its files.

    The key that app and hub use stays the same. PATH: env files, compose files, Caddyfiles, the bundle's mercure.yaml,
    or folders with them; default: the current one.
    """
    from mercure_deploy import importing
    from mercure_deploy import init as starting
    from mercure_deploy.root import beginning

    supported()
    root, place = root_of(spec, output), Path(spec)
    before = beginning.existing(place, root, name)
    said = importing.Said(name, starting.named(apps), hub, platform, version)
    setup = _setup(paths or (".",))
    ring, where = importing.in_use(setup, use, now())  # type: ignore[arg-type] # click has checked it
    draft, left = importing.draft(setup, said, ring.current.algorithm)
    _ask(draft)
    text, loaded, more = importing.settled(draft, spec, before)
    note(f"the key {ring.current.fingerprint} of {where.file}:{where.line} is kept ({ring.current.algorithm})")
    if not _sure([*left, *more, *_by_hand(draft, ring)], yes=yes):
        return NO
    written(loaded, Begun(name, text, before, ring), place, root)
    return OK


def _setup(paths: "Sequence[str]") -> "Setup":
    """The one setup that these files are. Trouble when there is none, or several."""
    from mercure_deploy.disk import searching
    from mercure_deploy.readers import assembling, kinds
    from mercure_deploy.readers.setup import Setup

    found = searching.search(paths, lambda path: kinds.by_name(path) is not None)
    for line in found.left_out:
        note(f"left out: {line}")
    groups = list(assembling.groups(assembling.texts(found.files, set(paths).__contains__)))
    if not groups or not groups[0]:
        hint = "name the files or the folder: env files, compose files, Caddyfiles, config/packages/mercure.yaml"
        raise Trouble("there is nothing here that import knows", hint=hint)
    if len(groups) > 1:
        folders = ", ".join(sorted({each.folder or "." for group in groups for each in group}))
        hint = f"import one at a time, each with an --env of its own: {printable(folders, 200)}"
        raise Trouble("these are several deployments, with different keys", hint=hint)
    setup = Setup()
    assembling.assemble(setup, groups[0])
    return setup


def _ask(draft: "Draft") -> None:
    """What no file says, asked for on a terminal."""
    missing = [word for word, there in (("--app", draft.apps), ("--hub", draft.hub)) if not there]
    if missing and not sys.stdin.isatty():
        verb = "say it with" if len(missing) == 1 else "say them with"
        what = f"no file says {' and '.join(missing)}, and there is no terminal to ask on"
        raise Trouble(what, hint=f"{verb} {' '.join(f'{word} URL' for word in missing)}")
    if not draft.apps:
        draft.apps["app"] = asked_url("Origin of the app, as in https://app.example.com")
    draft.hub = draft.hub or asked_url("Origin of the hub, as in https://mercure.example.com")


def _by_hand(draft: "Draft", ring: "KeyRing") -> "list[Left]":
    """What a person has to do in Coolify with a key that is not made of letters and digits."""
    from mercure_deploy.facts.quoting import is_bare
    from mercure_deploy.importing import Left

    key = ring.current
    if draft.platform != "coolify" or not key.symmetric or is_bare(key.text()):
        return []
    return [Left("the key holds characters that Coolify changes: tick Is Literal at each variable that holds it")]


def _sure(left: "Sequence[Left]", *, yes: bool) -> bool:
    """Whether to go on without what cannot be carried over, which is listed."""
    for each in left:
        at = f"{each.place.file}:{each.place.line}:{each.place.column}: not carried over" if each.place else "to do"
        err(printable(f"{at}: {each.what}"))
    if yes or not left:
        return True
    if not sys.stdin.isatty():
        hint = "go on without all this with --yes"
        raise Trouble("not everything can be carried over, and there is no terminal to ask on", hint=hint, code=NO)
    sure = click.confirm("Go on without this?", err=True)
    if not sure:
        err("mercure-deploy: nothing was written")
    return sure
