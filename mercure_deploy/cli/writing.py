"""Commands that write: `init` and `render`."""

import sys
from typing import TYPE_CHECKING

import click

from mercure_deploy.cli.common import (
    OK,
    common,
    err,
    loaded_spec,
    now,
    replacing,
    root_of,
    select,
    show,
    supported,
    waiting,
    warn,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mercure_deploy.render import Wish
    from mercure_deploy.spec import Loaded


# so many environments take over a second
_MANY = 300


@click.command()
@click.option("--app", "apps", multiple=True, metavar="[NAME=]URL", help="Origin of an app's pages; may be repeated.")
@click.option("--hub", metavar="URL", help="Origin of the hub as browsers see it.")
@click.option("--env", "name", default="production", show_default=True, metavar="NAME", help="Name of the environment.")
@click.option("--platform", type=click.Choice(["coolify", "compose"]), default="coolify", show_default=True)
@click.option("--hub-version", "version", type=click.Choice(["0.24", "1.0"]), default="0.24", show_default=True)
@replacing
@common(several=False)
def init(  # noqa: PLR0913 - each is an option of the command
    *,
    apps: tuple[str, ...],
    hub: str | None,
    name: str,
    platform: str,
    version: str,
    replace: bool,
    spec: str,
    output: str | None,
) -> int:
    """Write a commented spec, then render it."""
    from pathlib import Path

    from mercure_deploy import init as starting
    from mercure_deploy.disk import exposure
    from mercure_deploy.render import Wish

    supported()
    root = root_of(spec, output)
    starting.refuse_existing(Path(spec), root, name)
    if not (apps and hub) and not sys.stdin.isatty():
        missing = " and ".join(word for word, said in (("--app", apps), ("--hub", hub)) if not said)
        raise click.UsageError(f"{missing} is missing, and there is no terminal to ask on", click.get_current_context())
    apps = apps or (click.prompt("Origin of the app, as in https://app.example.com", err=True),)
    hub = hub or click.prompt("Origin of the hub, as in https://mercure.example.com", err=True)
    text = starting.spec_text(starting.named(apps), hub, name=name, platform=platform, version=version)
    loaded = starting.checked(text, spec)
    with starting.written(Path(spec), text):
        render_all(loaded, Wish((name,), replace=replace), root)
    err(f"mercure-deploy: wrote {spec}: commit it, and {root}/ without what its .gitignore names")
    line = exposure.dockerignore_line(Path(spec), root)
    if line:
        err(f"mercure-deploy: add this line to .dockerignore: {line}")
    err(f"mercure-deploy: next: {root / name / 'README.md'}")
    return OK


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the same, write nothing.")
@click.option("--prune", is_flag=True, help="Delete what was rendered once and is not any more.")
@replacing
@common()
def render(  # noqa: PLR0913 - each is an option of the command
    *, names: tuple[str, ...], dry_run: bool, prune: bool, replace: bool, spec: str, output: str | None
) -> int:
    """Bring the files in line with the spec."""
    from mercure_deploy.render import Wish

    loaded = loaded_spec(spec)
    selected = select(loaded, names)
    warn(loaded)
    wish = Wish(tuple(selected), prune=prune, replace=replace, others=not names)
    if dry_run:
        _preview(loaded, wish, root_of(spec, output))
    else:
        render_all(loaded, wish, root_of(spec, output))
    return OK


def render_all(loaded: "Loaded", wish: "Wish", root: "Path") -> None:
    """Commit the files of these environments and print what happened."""
    from mercure_deploy import disk, render

    if len(wish.names) > _MANY and sys.stderr.isatty():
        err(f"mercure-deploy: rendering {len(wish.names)} environments")
    with disk.lock(root, waiting=waiting):
        done = render.render(loaded.spec, wish, root, now())
    show(done.changes, root)
    for line in done.following:
        err(f"mercure-deploy: {line}")
    for path in done.secret:
        if disk.loose(root / path):
            hint = "put the output root on a file system with permissions, see -o"
            err(f"mercure-deploy: warning: file modes do not stick here [secret-exposure]\n  hint: {hint}")
            break


def _preview(loaded: "Loaded", wish: "Wish", root: "Path") -> None:
    from mercure_deploy import disk, render

    with disk.lock(root, shared=True, waiting=waiting):
        changes = render.preview(loaded.spec, wish, root, now())
    show(changes, root)
