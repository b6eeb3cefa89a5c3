"""The Coolify of the tests answers as a running one did: each recorded call that push makes, in their order."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coolify
import pytest

RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "recorded.json").read_text())
# what a program reads of an answer
SAID = set(
    "uuid name key value status deployment_uuid docker_compose_raw fqdn is_gzip_enabled is_stripprefix_enabled"
    " is_literal is_multiline is_shown_once is_buildtime is_runtime applications services".split()
)
# calls that push does not make: other resources, shared variables, logs, what a person does in the settings
ELSEWHERE = re.compile(
    r" /(team|settings|enable|disable|destinations|resources|deploy)\b|/servers/[^/]+|/teams/|/logs"
    r"|environments(/|$)|/projects/[^/]+/envs|POST /projects|/applications/dockerimage"
    r"|(PATCH|DELETE) /applications/[^/]+$"
    r"|/deployments$|cancel|POST /applications/[^/]+/restart|POST /applications/[^/]+/stop|PATCH /[a-z]+/[^/]+/envs$"
    r"|POST /services/[^/]+/applications/[^/]+/(stop|restart)|take=1"
)
# where the recording depends on something that the fake does not have, and push does not need
OTHERS = "a check of words that push never sends"
ANOTHER = "follows a call that is left out"
APART = {
    "api-allowed-ips": "an allow list of addresses",
    **dict.fromkeys("api-off-get api-off-post api-off-root api-off-no-token api-off-ability".split(), "below"),
    **dict.fromkeys("unknown-path-no-token".split(), "the order of two refusals"),
    **dict.fromkeys("ability-root projects-empty".split(), "the project of the fake is there from the beginning"),
    **dict.fromkeys(
        "service-create-no-environment service-create-url-unknown-field service-create-url-twice"
        " service-create-instant-deploy-string service-create-name-number service-create-injection"
        " service-create-type-and-compose subapp-url-conflict subapp-url-no-scheme service-bulk-more-flags-invalid"
        " service-bulk-comment-long service-env-post-text-plain application-env-post-unknown-field".split(),
        OTHERS,
    ),
    **dict.fromkeys(
        "application-deleted-1 service-urls-conflict-application application-env-cleanup-10 application-env-cleanup-12"
        " service-start-2 deployment-restart-1 deployment-restart-2 deployment-cancelled deployment-by-deploy-1"
        " deployment-by-deploy-2 queue-full-start-deployment".split(),
        ANOTHER,
    ),
    **dict.fromkeys("service-envs-shown-once service-envs-shown-once-root".split(), "the order of rows"),
    **dict.fromkeys("application applications-two-same-name applications-no-sensitive".split(), "compose in git"),
}
TOKENS = {"none", "wrong"}


def calls() -> Iterator[dict[str, Any]]:
    for each in RECORDED:
        call = f"{each['method']} {each['path'].removeprefix('/api/v1')}"
        if each["name"] == "application-create" or (not ELSEWHERE.search(call) and each["name"] not in APART):
            yield each


def told(fake: coolify.Coolify, said: Any, recorded: Any) -> None:
    """The fake takes the uuids of the recording, so that what follows speaks of the same things."""
    if isinstance(said, list) and isinstance(recorded, list):
        for row in recorded:
            if isinstance(row, dict) and "key" in row:
                same = [e for e in said if e.get("key") == row["key"] and e.get("is_preview") == row.get("is_preview")]
                for each in same[:1]:
                    told(fake, each, row)
    elif isinstance(said, dict) and isinstance(recorded, dict):
        for name, old in said.items():
            new = recorded.get(name)
            if name in {"uuid", "deployment_uuid"} and isinstance(new, str):
                rename(fake, str(old), new)
            elif isinstance(old, (list, dict)):
                if name == "applications" and isinstance(new, list) and old and new and "fqdn" in old[0]:
                    rename(fake, old[0]["uuid"], new[0]["uuid"])
                told(fake, old, new)


def rename(fake: coolify.Coolify, old: str, new: str) -> None:
    for resource in fake.resources:
        for thing in (resource, *resource.variables):
            if thing.uuid == old:
                thing.uuid = new
        if resource.container == old:
            resource.container = new
    for deployment in fake.deployments:
        if deployment.uuid == old:
            deployment.uuid = new


def shape(said: Any) -> set[str]:
    """The names in an answer, or in the first row of one, that programs read."""
    first = next((each for each in said if isinstance(each, dict)), None) if isinstance(said, list) else said
    return {name for name in first if name in SAID} if isinstance(first, dict) else set()


def instance() -> tuple[coolify.Coolify, dict[str, str]]:
    fake = coolify.Coolify()
    # the recording waited until each start had happened
    fake.wait = 0
    names = sorted({each["token"] for each in RECORDED})
    tokens = {name: f"{number}|{name}" for number, name in enumerate(names)}
    fake.tokens = {token: frozenset(name.split(",")) for name, token in tokens.items() if name not in TOKENS}
    by_name = {each["name"]: each for each in RECORDED}
    fake.project = by_name["project"]["response"]["uuid"]
    fake.environment = by_name["environment"]["response"]["uuid"]
    fake.server = by_name["server"]["response"]["uuid"]
    return fake, tokens


def test_each_recorded_call_has_its_status_and_its_shape():
    fake, tokens = instance()
    wrong = []
    seen = 0
    for each in calls():
        if each["name"] == "application-create":
            fake.add("shop").uuid = each["response"]["uuid"]
            continue
        body = each["request"]
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        headers = {name.lower(): value for name, value in each.get("headers", {}).items()}
        if each["token"] != "none":
            headers["authorization"] = f"Bearer {tokens[each['token']]}"
        status, said = fake.answer(coolify.Asked(each["method"], each["path"], headers, text))
        seen += 1
        if status != each["status"]:
            wrong.append((each["name"], each["status"], status, said))
        elif each["method"] == "GET" and status < 300 and shape(said) - shape(each["response"]):
            wrong.append((each["name"], shape(said), shape(each["response"])))
        told(fake, said, each["response"])
    assert seen > 300
    assert wrong == []


def test_the_habits_that_matter():
    fake, _ = instance()
    assert fake.answer(coolify.Asked("GET", "/api/v1/version", {}, ""))[0] == 401
    fake.enabled = False
    headers = {"authorization": f"Bearer {fake.token}"}
    status, said = fake.answer(coolify.Asked("GET", "/api/v1/version", headers, ""))
    assert (status, said["message"]) == (403, "API is disabled.")


@pytest.mark.parametrize("reason", APART.values())
def test_what_is_left_out_has_its_reason(reason: str):
    assert reason
