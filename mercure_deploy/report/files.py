"""Drift, changes of files and what lint found, as text, as JSON and for GitHub; returns strings, prints nothing."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from mercure_deploy.errors import Problem, many, printable
from mercure_deploy.findings import Finding
from mercure_deploy.report.findings import counted, counts, finding_row, finding_text, remote_row

if TYPE_CHECKING:
    # what is reported, not how it came about: who only prints needs none of it
    from pathlib import Path

    from mercure_deploy.findings import Checked, Drift
    from mercure_deploy.lint.play import Step
    from mercure_deploy.push import Remote


def check_text(checked: "Mapping[str, Checked]", root: "Path", *, more: bool = False) -> Iterator[str]:
    """Lines for people: `changed production/hub.env`, `file:line:col: error: what [id]`, `production: in line`."""
    for name, each in checked.items():
        yield from (f"{drift.change} {drift.path}" for drift in each.drift)
        yield from (f"  hint: {hint}" for hint in _cures(name, each.drift, root))
        for finding in each.findings:
            yield from finding_text(finding, more=more)
        if not each.drift:
            yield f"{name}: in line"


def _cures(name: str, drift: "Sequence[Drift]", root: "Path") -> Iterator[str]:
    """What to do about differences that a render alone does not put right."""
    loose = [f"{root / each.path}" for each in drift if each.change == "mode"]
    if loose:
        yield f"others may read it: chmod 600 {' '.join(loose)}"
    orphans = [each.path for each in drift if each.change == "orphan"]
    if any(not path.endswith("/keys.json") for path in orphans):
        yield "an orphan is no longer rendered, render --prune deletes it"
    if f"{name}/keys.json" in orphans:
        yield f"{name} is not in the spec: render --prune-keys {name} deletes its key; renamed, its folder is, too"


def check_json(checked: "Mapping[str, Checked]", there: "Mapping[str, Remote]", *, ok: bool) -> str:
    """The form of the contract, section 4; `there` is what Coolify has, nothing where it was not asked."""
    environments = {
        name: {
            "secrets_checked": each.secrets_checked,
            "drift": [{"path": drift.path, "change": drift.change} for drift in each.drift],
            "findings": [finding_row(finding) for finding in each.findings],
            **remote_row(there, name),
        }
        for name, each in checked.items()
    }
    return json.dumps({"version": 1, "ok": ok, "environments": environments}, indent=2)


def problems_json(problems: Iterable[Problem]) -> str:
    """What is wrong with a spec, in the form of the contract, section 4."""
    rows = []
    for problem in problems:
        file, line, column = problem.where.rsplit(":", 2) if problem.where else (None, None, None)
        rows.append(
            {
                "file": file,
                "line": int(line) if line else None,
                "column": int(column) if column else None,
                "path": problem.path,
                "message": problem.what,
                "hint": problem.hint,
                "id": problem.id,
            }
        )
    return json.dumps({"version": 1, "ok": False, "problems": rows}, indent=2)


def changes_json(changes: Iterable[tuple[str, str]]) -> str:
    """What `render` did, or would do: {"version": 1, "ok": true, "files": [{"path", "change"}]}."""
    files = [{"path": path, "change": change} for path, change in changes]
    return json.dumps({"version": 1, "ok": True, "files": files}, indent=2)


def diff_json(differences: Mapping[str, Sequence[str]]) -> str:
    """What `render` would change: {"version": 1, "ok": false, "files": [{"path", "diff": [line…]}]}."""
    files = [{"path": path, "diff": list(lines)} for path, lines in differences.items()]
    return json.dumps({"version": 1, "ok": not files, "files": files}, indent=2)


Files = Sequence[tuple[str, str]]
_FINE, _NOT_TOLD = "nothing is wrong that files can tell", "not told: "


def lint_text(
    files: Files,
    findings: Sequence[Finding],
    play: "Sequence[Step]" = (),
    unread: Sequence[str] = (),
    *,
    more: bool = False,
) -> Iterator[str]:
    """The lines of each finding, and how many there are; where there is none, what the files do not tell.

    `unread` are the paths of files that may say something of a hub, in words that nobody reads here.
    """
    for finding in findings:
        yield from map(printable, finding_text(finding, more=more))
    # what pages ask for stands in no file of a deployment
    told = [each.because for each in play if each.because.startswith(_NOT_TOLD) and each.step != "private"]
    missing = list(dict.fromkeys(each.removeprefix(_NOT_TOLD) for each in told))
    rest = f"; {_NOT_TOLD}{', '.join(missing)}" if missing else ""
    rest += f"; not read: {', '.join(map(printable, unread[:5]))}{', …' if unread[5:] else ''}" if unread else ""
    yield f"{many(len(files), 'file')}: {counted(findings) if findings else f'{_FINE}{rest}'}"


def play_text(play: "Sequence[Step]") -> Iterator[str]:
    """A line for each step: `publish-accept    fails  …  [key-mismatch]`, `?` where nobody can tell."""
    for each in play:
        words = {"works": "works", "fails": "fails", "unknown": "?"}[each.outcome]
        because = f"{each.because} [{each.id}]" if each.id else each.because
        yield printable(f"{each.step:<17} {words:<6} {because}", 600)


def lint_json(files: Files, findings: Sequence[Finding], play: "Sequence[Step]" = ()) -> list[str]:
    """The form of the contract's part 2, section 1, with the play of part 6, section 4."""
    errors, warnings = counts(findings)
    said = {
        "version": 1,
        "files": [{"path": path, "kind": kind} for path, kind in files],
        "findings": [finding_row(finding) for finding in findings],
        "errors": errors,
        "warnings": warnings,
        "play": [asdict(each) for each in play],
    }
    return [json.dumps(said, indent=2)]


def lint_github(_files: Files, findings: Sequence[Finding]) -> Iterator[str]:
    """One workflow command a finding, escaped as GitHub's runner takes it."""
    for finding in findings:
        level = "notice" if finding.level == "note" else finding.level
        place = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.id}
        words = ",".join(f"{name}={_property(value)}" for name, value in place.items() if value is not None)
        yield f"::{level} {words}::{_data(f'{finding.what}; {finding.hint}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str | int) -> str:
    return _data(str(value)).replace(":", "%3A").replace(",", "%2C")
