"""The spec that a command is about: where it is, what it says, which environments are meant, what became of files."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mercure_deploy import disk
from mercure_deploy.cli.terminal import FORM, err, meta, note, now, out, waiting
from mercure_deploy.errors import Problem, Trouble, closest, typed
from mercure_deploy.report import files as reported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mercure_deploy.output import Know, View
    from mercure_deploy.spec import Loaded

# the largest spec; a fleet of 10,000 environments is below
LARGEST = 8 * 1024 * 1024


def supported() -> None:
    """Trouble on a system without the locks and modes that keys need."""
    if os.name != "posix":
        raise Trouble("this system is not supported", hint="use Linux, macOS or WSL; schema and lint work everywhere")


def root_of(spec: str, output: str | None) -> Path:
    """The output root: -o, else deploy/ beside the spec."""
    return Path(output) if output else Path(spec).parent / "deploy"


def spec_bytes(spec: str) -> bytes:
    """The bytes of that file. Trouble when there is none."""
    supported()
    data = disk.read(spec, limit=LARGEST, pipe=True)
    if data is None:
        raise Trouble(f"{spec} does not exist", hint="mercure-deploy init writes one, -f names another")
    return data


def loaded_spec(spec: str, data: bytes | None = None) -> Loaded:
    """The spec in that file, whose bytes may have been read already. Trouble when there is none or it is wrong."""
    data = spec_bytes(spec) if data is None else data
    from mercure_deploy.spec import load

    try:
        return load(data, spec)
    except Trouble as trouble:
        if meta().get(FORM) == "json":
            out([reported.problems_json(trouble.problems)], wrong=True)
        raise


def select(loaded: Loaded, names: Iterable[str]) -> list[str]:
    """The environments named, in the order of the spec; all when none is. Trouble for a name that is not there."""
    known = list(loaded.spec.environments)
    wanted = set(names)
    unknown = sorted(wanted - set(known))
    if unknown:
        what = "there is no environment"
        raise Trouble(*(Problem(f"{what} {typed(name)}", closest(name, known)) for name in unknown))
    return [name for name in known if name in wanted or not wanted]


def warn(loaded: Loaded) -> list[str]:
    """Print the warnings of a spec to stderr; what was printed."""
    lines = [
        f"mercure-deploy: warning: {finding.what} [{finding.id}]\n  hint: {finding.hint}"
        for _, finding in loaded.findings
        if finding.level == "warning"
    ]
    for line in lines:
        err(line)
    return lines


def show(
    changes: Iterable[tuple[str, str]],
    root: Path,
    following: Iterable[str] = (),
    *,
    form: str = "text",
    prefix: str = "",
) -> None:
    """Print what a commit did, and the orphans, one line a file, then the lines that follow; or all of it as JSON.

    What an orphan still holds goes to stderr.
    """
    colours = {"created": "green", "updated": "yellow", "orphan": "magenta", "deleted": "magenta"}
    said = list(changes)
    if form == "json":
        out([reported.changes_json(said)], done=True)
    else:
        out([*((f"{prefix}{change} {path}", colours.get(change)) for path, change in said), *following], done=True)
    orphans = [path for path, change in said if change == "orphan"]
    if orphans:
        from mercure_deploy.keys import KNOWN
        from mercure_deploy.output import exposure

        for path, mark in exposure.holding(root, orphans, KNOWN):
            note(f"{path} is no longer rendered and still holds the key {mark}")
        note("render --prune deletes what is no longer rendered, all but key rings")
        for name in (path.partition("/")[0] for path in orphans if path.endswith("/keys.json")):
            moved = f"{name} renamed keeps its key when its folder is renamed, too: mv {root / name} {root}/NEW-NAME"
            note(f"{moved}; render --prune-keys {name} deletes it")


@contextmanager
def view(loaded: Loaded, names: Iterable[str], root: Path, know: Know | None = None) -> Iterator[View]:
    """What ought to be, while nobody else writes."""
    from mercure_deploy.output import known, look, to_compare

    with disk.lock(root, shared=True, waiting=waiting):
        yield look(loaded.spec, select(loaded, names), root, to_compare(now()), know or known)
