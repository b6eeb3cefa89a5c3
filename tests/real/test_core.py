"""The real core of hub 1.0 accepts tokens with the claims of the rendered configuration and refuses each mistake."""

import http.client
import json
import re
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import programs
import pytest
from conftest import Run
from modern import PORT, core
from ruamel.yaml import YAML

from mercure_deploy import keys
from mercure_deploy import token as tokens
from mercure_deploy.hub.tokens import mint, one_topic
from mercure_deploy.output import known
from mercure_deploy.readers.tokens import parse
from mercure_deploy.spec import load

pytestmark = [pytest.mark.real, pytest.mark.against("core")]

TOPIC = "https://example.com/books/1"
DETAIL = "https://mercure.rocks/authorization-detail"
ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "ES256"]
Claims = dict[str, Any]


def rendered(folder: Path, run: Run, algorithm: str = "HS256", **hub: object) -> Path:
    environment = {
        "platform": "compose",
        "hub": {"url": "https://hub.example.com", "version": "1.0", **hub},
        "apps": {"app": {"url": "https://app.example.com"}},
        "keys": {"algorithm": algorithm},
    }
    if "jwks" not in hub:
        environment["platform"] = "coolify"
    environment["hub"].pop("jwks", None)  # type: ignore[attr-defined]
    programs.spec_text({"version": 1, "environments": {"production": environment}}, folder / "mercure.yaml")
    assert run("render").code == 0
    return folder / "deploy/production"


def request(method: str, words: dict[str, str], headers: dict[str, str], port: int = PORT) -> tuple[int, str, str]:
    """(status, WWW-Authenticate, body); the body of a stream is empty."""
    query = urlencode(words)
    path, body = (f"{programs.HUB_PATH}?{query}", None) if method == "GET" else (programs.HUB_PATH, query)
    sent = {"Host": "hub.example.com", "Content-Type": "application/x-www-form-urlencoded", **headers}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, sent)
        with closing(connection.getresponse()) as answer:
            stream = answer.getheader("Content-Type", "").startswith("text/event-stream")
            text = "" if stream else answer.read().decode()
            return answer.status, answer.getheader("WWW-Authenticate", ""), text


def publish(token: str, **words: str) -> tuple[int, str]:
    form = {"topic": TOPIC, "data": "x", **words}
    return request("POST", form, {"Authorization": f"Bearer {token}"})[:2]


def subscribe(token: str, **words: str) -> int:
    headers = {"Cookie": f"__Secure-mercure_access_token={token}", "Origin": "https://app.example.com"}
    return request("GET", words or {"match": TOPIC}, headers)[0]


def claims_of(folder: Path) -> Claims:
    """The claims with which the bundle mints, from the rendered configuration; `exp` and the details are its own."""
    config = YAML(typ="safe", pure=True).load((folder / "symfony/app.mercure.yaml").read_text())
    hub = config["mercure"]["hubs"]["default"]
    assert hub["protocol_version"] == "1.0"
    assert set(hub["jwt"]["claims"]) == {"iss", "aud", "sub", "client_id"}
    details = [{"type": DETAIL, "actions": ["publish", "subscribe"], "topics": [{"match": "*"}]}]
    return {**hub["jwt"]["claims"], "exp": int(time.time()) + 60, "authorization_details": details}


def signed(folder: Path, claims: Claims, **headers: str) -> str:
    key, algorithm = programs.signing(folder / "app.env", folder / "manifest.json")
    return jwt.encode(claims, key, algorithm=algorithm, headers={"typ": "at+jwt", **headers})


@pytest.mark.proves("Tokens with the claims of the rendered configuration are accepted, for each algorithm")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_with_the_claims_of_the_configuration_are_accepted(tmp_path: Path, run: Run, algorithm: str):
    folder = rendered(tmp_path, run, algorithm)
    token = signed(folder, claims_of(folder))
    with core(folder, tmp_path):
        assert publish(token) == (200, "")
        assert publish(token, private="on") == (200, "")
        assert subscribe(token) == 200


def test_the_tokens_of_the_proof_are_accepted(tmp_path: Path, run: Run):
    folder = rendered(tmp_path, run)
    env = load((tmp_path / "mercure.yaml").read_bytes(), "m").spec.environments["production"]
    key = keys.loads((folder / "keys.json").read_bytes(), "keys.json").current
    token = mint(key, env.hub, one_topic(TOPIC), datetime.now(UTC) + timedelta(seconds=60))
    with core(folder, tmp_path):
        assert publish(token, private="on") == (200, "")
        assert request("GET", {"match": TOPIC}, {"Authorization": f"Bearer {token}"})[0] == 200
        assert publish(token, topic="https://example.com/books/2")[0] == 403


def test_the_page_of_the_readme_asks_for_what_it_missed_in_the_words_of_this_generation(tmp_path: Path, run: Run):
    page = (Path(__file__).parent.parent.parent / "examples/page.html.twig").read_text()
    [names] = re.findall(r"for \(const name of \[(.*?)\]\)", page)
    folder = rendered(tmp_path, run)
    cookie = {"Cookie": f"__Secure-mercure_access_token={signed(folder, claims_of(folder))}"}
    with core(folder, tmp_path), httpx.Client(base_url=f"http://127.0.0.1:{PORT}", trust_env=False) as client:

        def answer(*words: str) -> tuple[int, bool]:
            query = {"match": TOPIC, **dict.fromkeys(words, "urn:uuid:5e94c686-2c0b-4f9b-958c-92ccc3bbb4eb")}
            with client.stream("GET", programs.HUB_PATH, params=query, headers=cookie) as said:
                return said.status_code, "mercure-last-event-id" in said.headers

        assert answer() == (200, False)
        # the word of 0.x says nothing to it, and does not disturb it
        assert answer("lastEventID") == (200, False)
        assert answer(*re.findall(r"'(\w+)'", names)) == (200, True)


def changed(**words: object) -> Claims:
    return words


GRANT = {"type": DETAIL, "actions": ["publish"], "topics": [{"match": "*"}]}
MISTAKES = {
    "expired": (changed(exp=1), 401),
    "no exp": (changed(exp=None), 401),
    "no aud": (changed(aud=None), 401),
    "aud of another": (changed(aud="https://other.example.com/.well-known/mercure"), 401),
    "aud without the path": (changed(aud="https://hub.example.com"), 401),
    "no iss": (changed(iss=None), 401),
    "another iss": (changed(iss="https://other.example.com"), 401),
    "iss with a slash": (changed(iss="https://hub.example.com/"), 401),
    "not yet valid": (changed(nbf=int(time.time()) + 3600), 401),
    "topics as text": (changed(authorization_details=[{**GRANT, "topics": ["*"]}]), 401),
    "no topics": (changed(authorization_details=[{**GRANT, "topics": []}]), 401),
    "no details": (changed(authorization_details=None), 403),
    "empty details": (changed(authorization_details=[]), 403),
    "another type": (changed(authorization_details=[{**GRANT, "type": "https://example.com/x"}]), 403),
    "another topic": (changed(authorization_details=[{**GRANT, "topics": [{"match": "https://example.com/x"}]}]), 403),
    "another action": (changed(authorization_details=[{**GRANT, "actions": ["subscribe"]}]), 403),
    "a token of 0.x": (changed(iss=None, aud=None, authorization_details=None, mercure={"publish": ["*"]}), 401),
}


ODD: list[object] = [7, "7", 7.5, True, [], ["x"], [7], {}, "", "x"]
TIMES: list[object] = [*ODD, str(int(time.time()) + 600), int(time.time()) - 60, float(int(time.time()) + 600)]
ODD_CLAIMS = [(name, value) for name in ("sub", "jti", "iss", "aud", "client_id") for value in ODD]
ODD_CLAIMS += [(name, value) for name in ("exp", "nbf", "iat") for value in TIMES]
ODD_CLAIMS += [("authorization_details", [{**GRANT, "topics": [{"match": "*"}] * n}]) for n in (1, 99, 100, 101)]
ODD_CLAIMS += [("authorization_details", [{**GRANT, "topics": [{"match": "*"}] * 51}] * 2)]


@pytest.mark.proves("`token inspect` knows the claims that hub 1.0 cannot read")
def test_what_is_said_of_odd_claims_is_what_the_hub_answers(tmp_path: Path, run: Run):
    folder = rendered(tmp_path, run)
    env = load((tmp_path / "mercure.yaml").read_bytes(), "x").spec.environments["production"]
    ring = known(folder.parent, "production").secret()
    assert ring
    key, algorithm = programs.signing(folder / "app.env", folder / "manifest.json")
    right, wrong = claims_of(folder), []
    with core(folder, tmp_path):
        for name, value in ODD_CLAIMS:
            # PyJWT signs some of them only as bytes
            said = json.dumps({**right, name: value}).encode()
            text = jwt.PyJWS().encode(said, key, algorithm=algorithm, headers={"typ": "at+jwt"})
            token = parse(text)
            assert token
            status, why = publish(text)[0], tokens.refusal(token, env, ring, time.time())
            if (status == 401) != bool(why):
                wrong.append((name, str(value)[:80], status, why))
    assert wrong == []


@pytest.mark.proves("Each mistake in a token is refused with its own status")
def test_each_mistake_has_its_status(tmp_path: Path, run: Run):
    folder = rendered(tmp_path, run)
    right = claims_of(folder)
    key, _ = programs.signing(folder / "app.env", folder / "manifest.json")
    with core(folder, tmp_path):
        for name, (change, status) in MISTAKES.items():
            claims = {word: value for word, value in {**right, **change}.items() if value is not None}
            error = {401: "invalid_token", 403: "insufficient_scope"}[status]
            text = signed(folder, claims)
            found = publish(text)
            # what `token inspect` says of it beforehand; a grant for something else is no matter of the token alone
            refused = run("token", "inspect", stdin=text).code == 1
            assert refused == (status == 401), name
            assert (found[0], error in found[1]) == (status, True), (name, found)
        foreign = jwt.encode(right, "z" * 64, algorithm="HS256", headers={"typ": "at+jwt"})
        other = jwt.encode(right, key, algorithm="HS512", headers={"typ": "at+jwt"})
        for text in (foreign, other, jwt.encode(right, key, algorithm="HS256")):
            assert publish(text)[0] == 401
            assert run("token", "inspect", stdin=text).code == 1
        assert run("token", "inspect", stdin=signed(folder, right)).code == 0
        token = signed(folder, right)
        assert request("POST", {"topic": TOPIC, "data": "x"}, {"Authorization": f"Basic {token}"})[0] == 400
        assert request("POST", {"topic": TOPIC, "data": "x"}, {})[:2] == (401, request("GET", {"match": "x"}, {})[1])
        assert subscribe(token, topic=TOPIC) == 400
        assert request("GET", {"match": TOPIC}, {"Cookie": f"mercureAuthorization={token}"})[0] == 401
        assert request("GET", {"match": TOPIC, "authorization": token}, {})[0] == 401
        only_publish = signed(folder, {**right, "authorization_details": [GRANT]})
        assert subscribe(only_publish) == 200


def legacy(key: tuple[str, str]) -> str:
    return programs.token(key, publish=["*"], subscribe=["*"])


@pytest.mark.proves("`legacy_clients` accepts tokens of 0.x and of 1.0")
def test_a_hub_for_old_and_new_apps(tmp_path: Path, run: Run):
    folder = rendered(tmp_path, run, legacy_clients=True)
    key = programs.signing(folder / "app.env", folder / "manifest.json")
    with core(folder, tmp_path, "core_compatible"):
        assert publish(legacy(key))[0] == 200
        assert publish(legacy(("z" * 64, "HS256")))[0] == 401
        assert request("GET", {"topic": TOPIC}, {"Authorization": f"Bearer {legacy(key)}"})[0] == 200
        assert publish(signed(folder, claims_of(folder)))[0] == 200
    # a build without the tags of the official image takes the directive and refuses old tokens all the same
    with core(folder, tmp_path, "core"):
        assert publish(legacy(key))[0] == 401


@pytest.mark.proves("Two keys at once, by one issuer with a JWK Set")
@pytest.mark.parametrize("legacy_clients", [False, True], ids=["1.0", "both"])
def test_two_keys_at_once(tmp_path: Path, run: Run, legacy_clients: bool):
    folder = rendered(tmp_path, run, jwks=True, legacy_clients=legacy_clients)
    binary = "core_compatible" if legacy_clients else "core"
    assert run("rotate-keys", "production").code == 0
    ring = json.loads((folder / "keys.json").read_text())["keys"]
    with core(folder, tmp_path, binary):
        for row in ring:
            token = jwt.encode(claims_of(folder), row["secret"], algorithm="HS256", headers={"typ": "at+jwt"})
            assert publish(token)[0] == 200
            assert subscribe(token) == 200
            if legacy_clients:
                assert publish(legacy((row["secret"], "HS256")))[0] == 200
        foreign = jwt.encode(claims_of(folder), "z" * 64, algorithm="HS256", headers={"typ": "at+jwt"})
        assert publish(foreign)[0] == 401
        # the proof of the promotion speaks 1.0, to the core in place of the whole hub
        said = run("rotate-keys", "production", "--via", f"http://127.0.0.1:{PORT}")
        assert said.code == 0, said.err
    assert run("rotate-keys", "production", "--abort").code == 0


def test_a_staged_rotation_is_refused_where_the_image_reads_one_key_only(tmp_path: Path, run: Run):
    rendered(tmp_path, run, delivery="environment")
    said = run("rotate-keys", "production")
    assert (said.code, said.out) == (2, "")
    assert "cannot trust two keys at once" in said.err
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
