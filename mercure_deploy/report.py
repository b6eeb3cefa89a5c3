"""Drift, findings and status as text and as JSON; returns strings, prints nothing."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mercure_deploy.errors import Problem, printable
from mercure_deploy.findings import Finding

if TYPE_CHECKING:
    # what is reported, not how it came about: who only prints needs none of it
    from datetime import datetime
    from pathlib import Path

    from mercure_deploy.push import Remote
    from mercure_deploy.root.drift import Checked, Drift
    from mercure_deploy.status import Rotation, Status


def stamp(moment: "datetime") -> str:
    """UTC in the form of RFC 3339, whole seconds."""
    from mercure_deploy import keys  # noqa: PLC0415 - only where keys are spoken of

    return keys.stamp(moment)


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
            **_remote(there, name),
        }
        for name, each in checked.items()
    }
    return json.dumps({"version": 1, "ok": ok, "environments": environments}, indent=2)


def _remote(there: "Mapping[str, Remote]", name: str) -> "dict[str, Remote | None]":
    """What Coolify has of an environment; null for one that does not say where it is."""
    return {"remote": there.get(name)} if there else {}


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


def finding_text(finding: Finding, *, more: bool = False) -> Iterator[str]:
    """One finding, two lines, and with `more` where there is more about it."""
    place = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part is not None)
    head = f"{place}: " if place else ""
    yield f"{head}{finding.level}: {finding.message} [{finding.id}]"
    yield f"  hint: {finding.hint}"
    if more:
        yield f"  more: mercure-deploy explain {finding.id}"


def finding_row(finding: Finding) -> dict[str, str | int | None]:
    """One finding as JSON."""
    return {
        "id": finding.id,
        "level": finding.level,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "hint": finding.hint,
    }


Files = Sequence[tuple[str, str]]


def lint_text(files: Files, findings: Sequence[Finding], *, more: bool = False) -> Iterator[str]:
    """The lines of each finding, and how many there are."""
    for finding in findings:
        yield from map(printable, finding_text(finding, more=more))
    yield f"{_many(len(files), 'file')}: {counted(findings) if findings else 'nothing is wrong that files can tell'}"


def lint_json(files: Files, findings: Sequence[Finding]) -> list[str]:
    """The form of the contract's part 2, section 1."""
    errors, warnings = _counts(findings)
    said = {
        "version": 1,
        "files": [{"path": path, "kind": kind} for path, kind in files],
        "findings": [finding_row(finding) for finding in findings],
        "errors": errors,
        "warnings": warnings,
    }
    return [json.dumps(said, indent=2)]


def lint_github(_files: Files, findings: Sequence[Finding]) -> Iterator[str]:
    """One workflow command a finding, escaped as GitHub's runner takes it."""
    for finding in findings:
        level = "notice" if finding.level == "note" else finding.level
        place = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.id}
        words = ",".join(f"{name}={_property(value)}" for name, value in place.items() if value is not None)
        yield f"::{level} {words}::{_data(f'{finding.message}; {finding.hint}')}"


def counted(findings: Iterable[Finding]) -> str:
    """How many there are of each level, in words."""
    errors, warnings = _counts(findings)
    return f"{_many(errors, 'error')}, {_many(warnings, 'warning')}"


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _counts(findings: Iterable[Finding]) -> tuple[int, int]:
    levels = [finding.level for finding in findings]
    return levels.count("error"), levels.count("warning")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str | int) -> str:
    return _data(str(value)).replace(":", "%3A").replace(",", "%2C")


def status_text(statuses: "Mapping[str, Status]", max_age: Mapping[str, str], now: "datetime") -> Iterator[str]:
    """Lines for people; `max_age` is how old the keys of an environment may become, as text."""
    for name, each in statuses.items():
        yield f"{name}: {_in_line(each)}"
        for key in each.keys:
            age = f"{(now - key.created).days} days old (max_age {max_age[name]})"
            yield f"  key {key.fingerprint}  {key.algorithm}  {key.state:<8}  created {stamp(key.created)}, {age}"
        if each.old and not each.rotation:
            yield f"  warning: the key is older than max_age: mercure-deploy rotate-keys {name} [key-age]"
        if not each.keys:
            yield "  no keys yet, render makes one"
        if each.rotation:
            yield from rotation_text(name, each.rotation)
        if each.upgrading:
            yield "  upgrade: the hub is 1.0 and accepts 0.x apps too; bring the apps to 1.0 one by one, then set"
            yield f"        legacy_clients: false and render {name}"


def _in_line(status: "Status") -> str:
    """Whether the files are in line, and what puts them there."""
    if status.strays:
        return "not in line: files that are no longer rendered are there, run render --prune"
    if status.drift:
        return "not in line, run render"
    return "in line" if status.compared else "public files in line; secrets were not compared, no key ring here"


def rotation_text(name: str, rotation: "Rotation") -> Iterator[str]:
    """Where a rotation stands and what comes next."""
    back = ", being taken back" if rotation.aborting else ""
    yield f"  rotation: {rotation.state} since {stamp(rotation.since)}{back}, next: {rotation.next}"
    if rotation.next == "promote":
        yield f"  next: deploy the hub, then mercure-deploy rotate-keys {name}"
    elif rotation.not_before and rotation.apps_deployed:
        yield f"  next: the apps are out since {stamp(rotation.apps_deployed)}, the old key may go"
        yield f"        at {stamp(rotation.not_before)}: mercure-deploy rotate-keys {name} --push, or the same with"
        yield f"        --deployed-at {stamp(rotation.apps_deployed)}, and deploy the hub"
    elif rotation.not_before:
        yield "  next: deploy the apps; the old key may go when their deployment is older than token_lifetime,"
        yield f"        not before {stamp(rotation.not_before)}: mercure-deploy rotate-keys {name} --deployed-at TIME"


def status_json(statuses: "Mapping[str, Status]", there: "Mapping[str, Remote]", now: "datetime") -> str:
    """The form of the contract, section 4; `there` as in `check_json`."""
    environments = {
        name: {
            "keys": [
                {
                    "id": key.id,
                    "fingerprint": key.fingerprint,
                    "algorithm": key.algorithm,
                    "state": key.state,
                    "created": stamp(key.created),
                    "age_days": (now - key.created).days,
                }
                for key in each.keys
            ],
            "rotation": rotation_row(each.rotation) if each.rotation else None,
            "drift": each.drift,
            "upgrading": each.upgrading,
            "secrets_checked": each.compared,
            "older_than_max_age": each.old,
            **_remote(there, name),
        }
        for name, each in statuses.items()
    }
    return json.dumps({"version": 1, "environments": environments}, indent=2)


def rotation_row(rotation: "Rotation") -> dict[str, str | bool | None]:
    """An open rotation as JSON."""
    return {
        "state": rotation.state,
        "since": stamp(rotation.since),
        "next": rotation.next,
        "not_before": stamp(rotation.not_before) if rotation.not_before else None,
        "aborting": rotation.aborting,
    }
