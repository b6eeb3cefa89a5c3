"""Where the keys of an environment stand, as text and as JSON; returns strings, prints nothing."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mercure_deploy.report.findings import remote_row, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from mercure_deploy.push import Remote
    from mercure_deploy.status import Rotation, Status


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
            **remote_row(there, name),
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
