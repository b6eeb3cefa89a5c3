"""`render`: what the user wants, asked for where a key would be lost, and what happened."""

from typing import TYPE_CHECKING

import click

from mercure_deploy import disk
from mercure_deploy.cli.options import common, formatted, replacing
from mercure_deploy.cli.spec import loaded_spec, root_of, select, show, spec_bytes, warn
from mercure_deploy.cli.terminal import NO, OK, err, note, now, sure, waiting, watched
from mercure_deploy.errors import Problem, Trouble, closest, typed

if TYPE_CHECKING:
    from pathlib import Path

    from mercure_deploy.render import Wish
    from mercure_deploy.spec import Loaded


# so many environments take over a second
_MANY = 300


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the same, write nothing.")
@click.option("--prune", is_flag=True, help="Delete what was rendered once and is not any more; never a key ring.")
@click.option("--prune-keys", "rings", multiple=True, metavar="ENV", help="Delete the key ring of a removed ENV; asks.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@replacing
@formatted
@common()
def render(  # noqa: PLR0913 - each is an option of the command
    *,
    names: tuple[str, ...],
    dry_run: bool,
    prune: bool,
    rings: tuple[str, ...],
    yes: bool,
    replace: bool,
    form: str,
    spec: str,
    output: str | None,
) -> int:
    """Bring the files in line with the spec."""
    from mercure_deploy.disk import stamp

    data, root = spec_bytes(spec), root_of(spec, output)
    key = None if dry_run or prune or rings or replace else stamp.key(spec, data, names)
    if key and _answered(key, root, form):
        return OK
    from mercure_deploy.render import Wish

    loaded = loaded_spec(spec, data)
    selected = select(loaded, names)
    warnings = tuple(warn(loaded))
    if rings and not _forgotten(loaded, rings, root, yes=yes or dry_run):
        return NO
    wish = Wish(tuple(selected), prune, replace, not names, key, warnings, prune_keys=rings, silent=not loaded.findings)
    if dry_run:
        _preview(loaded, wish, root, form)
    else:
        render_all(loaded, wish, root, form)
    return OK


def _forgotten(loaded: "Loaded", rings: tuple[str, ...], root: "Path", *, yes: bool) -> bool:
    """Whether these key rings are to be deleted. Trouble for one that is in use, or is not there."""
    from mercure_deploy import render

    left = render.left_behind(loaded.spec, root)
    problems = [
        Problem(
            f"{typed(name)} is in the spec, and its key in use",
            f"rotate-keys {name} --now puts a fresh one in its place",
        )
        if name in loaded.spec.environments
        else Problem(f"there is no key ring of an environment {typed(name)}", closest(name, left) if left else None)
        for name in rings
        if name not in left
    ]
    if problems:
        raise Trouble(*problems)
    places = ", ".join(str(root / render.ring_of(name)) for name in rings)
    alone = Trouble(f"{places}: the only copy of its keys, and there is no terminal to ask on", hint="say --yes")
    return sure(f"Delete {places}, the only copy of its keys?", alone, yes=yes, nothing="nothing was deleted")


def _answered(key: str, root: "Path", form: str) -> bool:
    """Whether the last render was asked the same, and nothing has changed since: then the answer is printed."""
    from mercure_deploy.disk import stamp

    with disk.lock(root, shared=True, waiting=waiting):
        found = stamp.find(root, key)
    if found is None:
        return False
    for line in found.warnings:
        err(line)
    show(((path, "unchanged") for path in found.paths), root, form=form)
    return True


def render_all(loaded: "Loaded", wish: "Wish", root: "Path", form: str = "text") -> None:
    """Commit the files of these environments and print what happened."""
    from mercure_deploy import disk, render

    if len(wish.names) > _MANY and watched():
        note(f"rendering {len(wish.names)} environments")
    with disk.lock(root, waiting=waiting):
        done = render.render(loaded.spec, wish, root, now())
    show(done.changes, root, form=form)
    for line in done.following:
        note(line)
    for path in done.secret:
        if disk.loose(root / path):
            hint = "put the output root on a file system with permissions, see -o"
            err(f"mercure-deploy: warning: file modes do not stick here [secret-exposure]\n  hint: {hint}")
            break


def _preview(loaded: "Loaded", wish: "Wish", root: "Path", form: str) -> None:
    from mercure_deploy import disk, render

    with disk.lock(root, shared=True, waiting=waiting):
        changes = render.preview(loaded.spec, wish, root, now())
    show(changes, root, form=form, prefix="would be ")
