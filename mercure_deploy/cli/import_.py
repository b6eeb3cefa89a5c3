"""`import`: which files, what is asked, and what is said before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from mercure_deploy.cli.init import PLATFORMS, Begun, asked_url, written
from mercure_deploy.cli.options import common, replacing, way_to
from mercure_deploy.cli.spec import loaded_spec, root_of, show, supported
from mercure_deploy.cli.terminal import NO, OK, can_ask, err, note, now, sure, waiting
from mercure_deploy.errors import Trouble, printable
from mercure_deploy.facts.quoting import is_bare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mercure_deploy.draft import Left, Said
    from mercure_deploy.draft.beginning import Draft
    from mercure_deploy.keys import KeyRing
    from mercure_deploy.readers.setup import Setup
    from mercure_deploy.rotation import Rotation


@click.command("import")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option("--app", "apps", multiple=True, metavar="[NAME=]URL", help="Origin of an app's pages; may be repeated.")
@click.option("--hub", metavar="URL", help="Origin of the hub as browsers see it; default: what the files say.")
@click.option("--env", "name", default="production", show_default=True, metavar="NAME", help="Name of the environment.")
@click.option("--platform", type=PLATFORMS, help="Where the hub runs; default: by the files.")
@click.option("--hub-version", "version", type=click.Choice(["0.24", "1.0"]), help="Default: by the files.")
@click.option("--use", type=click.Choice(["app", "hub"]), help="Whose key is kept where the two differ.")
@click.option("--from-coolify", "instance", metavar="URL", help="Read an instance instead of files, by COOLIFY_TOKEN.")
@click.option("--project", metavar="NAME", help="With --from-coolify: name or uuid of the project.")
@click.option("--coolify-env", "there", metavar="NAME", help="Its environment; default: the name of this one.")
@click.option("--service", metavar="NAME", help="Name or uuid of the hub's Service; default: mercure-ENV.")
@click.option("--application", "applications", multiple=True, metavar="[NAME=]NAME", help="Name or uuid of an app's.")
@click.option("--token-file", metavar="FILE", help="The API token, instead of COOLIFY_TOKEN.")
@click.option("--cacert", metavar="FILE", help="With --from-coolify: a certificate authority of your own, PEM.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@replacing
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
    instance: str | None,
    project: str | None,
    there: str | None,
    service: str | None,
    applications: tuple[str, ...],
    token_file: str | None,
    cacert: str | None,
    yes: bool,
    replace: bool,
    spec: str,
    output: str | None,
) -> int:
    """Begin with what is there: the spec and the key ring of a deployment that runs, from its files.

    The key that app and hub use stays the same. PATH: env files, compose files, Caddyfiles, the bundle's mercure.yaml,
    or folders with them; default: the current one.
    """
    from mercure_deploy import draft
    from mercure_deploy.draft import typed as starting

    supported()
    said = draft.Said(name, starting.named(apps), hub, platform, version)
    asked = Asked(instance, project, there, service, applications, token_file, cacert)
    source = _source(paths, asked, name)
    places = (Path(spec), root_of(spec, output))
    code = _taken(source, source.told(said), use, places, yes=yes, replace=replace)
    if instance and code == OK:
        _compared(spec, places[1], asked, name)
    return code


def _compared(spec: str, root: Path, asked: Asked, name: str) -> None:
    """Say how what was written differs from what the instance has."""
    from mercure_deploy.cli.remote import remote

    there, problems = remote(loaded_spec(spec), [name], root, asked.token_file, asked.cacert)
    lines = there[name]["drift"]
    for line in lines:
        err(f"  {line}")
    for problem in problems:
        err(str(problem))
    if not problems:
        said = "has this otherwise, and the next push changes it" if lines else "has what was written"
        note(f"Coolify {said}")


def _taken(  # noqa: PLR0913 - what is taken over, and where to
    source: Source, said: Said, use: str | None, places: tuple[Path, Path], *, yes: bool, replace: bool
) -> int:
    from mercure_deploy import draft
    from mercure_deploy.draft import beginning

    spec, root = places
    handed = _managed(spec, said.name, root) if replace else None
    if handed:
        ring, _ = draft.in_use(_setup(source), use, now())  # type: ignore[arg-type] # click has checked it
        return _handed_over(handed, ring)
    before = beginning.existing(spec, root, said.name)
    setup = _setup(source)
    ring, where = draft.in_use(setup, use, now())  # type: ignore[arg-type] # click has checked it
    made, left = draft.draft(setup, said, ring.current.algorithm)
    made.coolify = source.words
    _ask(made)
    text, loaded, more = draft.settled(made, str(spec), before)
    note(f"the key {ring.current.fingerprint} of {where.file}:{where.line} is kept ({ring.current.algorithm})")
    if made.reason:
        note(f"platform: {made.platform}, as {made.reason}; --platform says otherwise")
    if not _sure([*left, *more, *_by_hand(made, ring)], yes=yes):
        return NO
    written(loaded, Begun(said.name, text, before, ring), spec, root, replace=replace)
    return OK


def _managed(spec: Path, name: str, root: Path) -> Rotation | None:
    """That environment where the spec has it already, with a hub whose keys others make."""
    from mercure_deploy import rotation
    from mercure_deploy.targets import foreign

    if not spec.exists():
        return None
    loaded = loaded_spec(str(spec)).spec
    env = loaded.environments.get(name)
    return rotation.Rotation(loaded, name, root, waiting) if env is not None and foreign(env) else None


def _handed_over(where: Rotation, ring: KeyRing) -> int:
    """A new key of a hub that others run, in the place of the one before."""
    from mercure_deploy import rotation

    step = rotation.take_over(where, ring)
    show(step.changes, where.root, [f"next: {line}" for line in step.next])
    return OK


class Asked(NamedTuple):
    """What was said of a Coolify instance."""

    instance: str | None
    project: str | None
    there: str | None
    service: str | None
    applications: tuple[str, ...]
    token_file: str | None
    cacert: str | None


class Source(NamedTuple):
    """Files, (path, text), those that were named, and what else the source tells: origins, and words for push."""

    files: list[tuple[str, str]]
    named: frozenset[str]
    words: dict[str, object]
    hub: str | None
    apps: dict[str, str]

    def told(self, said: Said) -> Said:
        """What was said, and where nothing was, what the source tells."""
        platform = said.platform or ("coolify" if self.words else None)
        return said._replace(hub=said.hub or self.hub, apps=said.apps or self.apps, platform=platform)


def _source(paths: Sequence[str], asked: Asked, name: str) -> Source:
    from mercure_deploy.disk import searching
    from mercure_deploy.readers import kinds

    if asked.instance:
        if paths:
            raise click.UsageError("--from-coolify reads an instance, and no files", click.get_current_context())
        return _instance(asked, name)
    if any(asked[1:5]):
        what = "--project, --coolify-env, --service and --application go with --from-coolify"
        raise click.UsageError(what, click.get_current_context())
    found = searching.search(paths or (".",), lambda path: kinds.by_name(path) is not None)
    for line in found.left_out:
        note(f"left out: {line}")
    return Source(found.files, frozenset(paths), {}, None, {})


def _instance(asked: Asked, name: str) -> Source:
    """What Coolify has now; nothing is written there."""
    from mercure_deploy import push as pushing
    from mercure_deploy.cli.push import Way, api
    from mercure_deploy.coolify.values import Place
    from mercure_deploy.draft import instance as reading
    from mercure_deploy.draft import typed as starting
    from mercure_deploy.spec.models import Coolify

    if not asked.project:
        raise click.UsageError("--from-coolify needs --project", click.get_current_context())
    said = {"url": asked.instance, "project": asked.project, "environment": asked.there, "service": asked.service}
    words: dict[str, object] = {word: value for word, value in said.items() if value}
    apps = starting.named(asked.applications)
    try:
        place = Coolify.model_validate({**words, "apps": apps})
    except ValueError:
        raise Trouble(
            "that is no place on a Coolify instance", hint="--from-coolify https://… --project NAME"
        ) from None
    token = Way(asked.token_file, None, None).token()
    if place.url.scheme == "http" and not place.url.is_local:
        err("mercure-deploy: warning: the API token and every key come in plain http [secret-exposure]")
    with api(place.url, token, way_to(None, asked.cacert)) as client:
        found = pushing.seen(Place(client, place, name, tuple(apps)))
    if found.service is None:
        raise Trouble(f"there is no Service {found.service_name}", hint="--service names it, or its uuid")
    urls = {app: reading.origin(each.urls) for app, each in found.apps.items()}
    told = {app: url for app, url in urls.items() if url}
    files = list(reading.texts(found))
    known = frozenset(path for path, _ in files)
    return Source(files, known, {**words, "apps": apps}, reading.origin(found.service.urls), told)


def _setup(source: Source) -> Setup:
    """The one setup that these files are. Trouble when there is none, or several."""
    from mercure_deploy.readers import assembling
    from mercure_deploy.readers.setup import Setup

    groups = list(assembling.groups(assembling.texts(source.files, source.named.__contains__)))
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


def _ask(draft: Draft) -> None:
    """What no file says, asked for on a terminal."""
    hub = draft.hub or draft.platform == "frankenphp"
    missing = [word for word, there in (("--app", draft.apps), ("--hub", hub)) if not there]
    if missing and not can_ask():
        verb = "say it with" if len(missing) == 1 else "say them with"
        what = f"no file says {' and '.join(missing)}, and there is no terminal to ask on"
        raise Trouble(what, hint=f"{verb} {' '.join(f'{word} URL' for word in missing)}")
    if not draft.apps:
        draft.apps["app"] = asked_url("Origin of the app, as in https://app.example.com")
    if draft.platform == "frankenphp":
        draft.home = draft.home or next(iter(draft.apps))
        return
    draft.hub = draft.hub or asked_url("Origin of the hub, as in https://mercure.example.com")


def _by_hand(draft: Draft, ring: KeyRing) -> list[Left]:
    """What a person has to do in Coolify with a key that is not made of letters and digits."""
    from mercure_deploy.draft import Left

    key = ring.current
    if draft.platform != "coolify" or not key.symmetric or is_bare(key.text()):
        return []
    return [Left("the key holds characters that Coolify changes: tick Is Literal at each variable that holds it")]


def _sure(left: Sequence[Left], *, yes: bool) -> bool:
    """Whether to go on without what cannot be carried over, which is listed."""
    for each in left:
        at = f"{each.place.file}:{each.place.line}:{each.place.column}: not carried over" if each.place else "to do"
        err(printable(f"{at}: {each.what}"))
    what = "not everything can be carried over, and there is no terminal to ask on"
    alone = Trouble(what, hint="go on without all this with --yes", code=NO)
    return sure("Go on without this?", alone, yes=yes or not left, nothing="nothing was written")
