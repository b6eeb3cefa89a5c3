"""What `token inspect` says of generated claims is what the real hubs answer: types, numbers, near misses."""

import itertools
import json
import random
import time
from pathlib import Path
from typing import Any

import jwt
import programs
import pytest
from cases import APPS, HUBS, rendered

from mercure_deploy import token as tokens
from mercure_deploy.output import known
from mercure_deploy.readers.tokens import parse
from mercure_deploy.spec import load

pytestmark = [pytest.mark.real, pytest.mark.against("hub")]
NOW = int(time.time())
ODD: list[Any] = [7, "7", 7.5, True, [], ["x"], [7], {}, {"x": 1}, "", "x", None]
EACH = {
    "sub": ODD,
    "jti": ODD,
    "iss": ODD,
    "aud": ODD,
    "iat": [*ODD, NOW - 5, NOW + 300, str(NOW)],
    "nbf": [NOW - 60, NOW + 300, "x", [], {}],
    "exp": [NOW + 60, NOW - 60, str(NOW + 60), "x", [], {}, True, float(NOW + 60)],
    "publish": [["*"], "*", {}, {"x": 1}, [7], [], None, ["*"] * 1000, ["*"] * 1001],
    "https://mercure.rocks/": [{"publish": ["*"]}, {"publish": []}, {}, None, {"subscribe": ["*"]}],
    "subscribe": [["*"], "*", {}, [7], [], None, ["x"] * 1000, ["x"] * 1001],
}


def claims_of(name: str, value: Any) -> dict[str, Any]:
    claims: dict[str, Any] = {"mercure": {"publish": ["*"]}, "exp": NOW + 3600}
    (claims["mercure"] if name in {"publish", "subscribe"} else claims)[name] = value
    return claims


def generated(number: int) -> list[dict[str, Any]]:
    """Claims in which two things are odd at once."""
    draw = random.Random(24)
    found = []
    for _ in range(number):
        claims: dict[str, Any] = {"mercure": {"publish": ["*"]}, "exp": NOW + 3600}
        for name in draw.sample(sorted(EACH), 2):
            place = claims["mercure"] if name in {"publish", "subscribe"} else claims
            place[name] = draw.choice(EACH[name])
        found.append(claims)
    return found


@pytest.mark.proves("`token inspect` knows the claims that hub 0.24 cannot read, generated ones too")
def test_what_is_said_of_generated_claims_is_what_the_hub_answers(tmp_path: Path):
    folder = rendered(tmp_path, HUBS["caddyfile"], APPS["one"])
    secret, algorithm = programs.signing(folder / "app.env", folder / "manifest.json")
    env = load((tmp_path / "mercure.yaml").read_bytes(), "x").spec.environments["production"]
    ring = known(tmp_path / "deploy", "production").secret()
    assert ring
    wrong = []
    single = [claims_of(name, value) for name, values in EACH.items() for value in values]
    with programs.hub(folder, tmp_path) as hub:
        for claims in itertools.chain(single, generated(200)):
            # PyJWT refuses to sign some of them: what arrives is what counts
            text = signed(claims, secret, algorithm)
            status = hub.publish(text, programs.topic()).status
            token = parse(text)
            assert token
            why = tokens.refusal(token, env, ring, time.time())
            named = claims.get("https://mercure.rocks/")
            grant = claims["mercure"] if named is None else named
            grants = grant.get("publish") if isinstance(grant, dict) else None
            said = 401 if why or not grants else 200
            if said != status:
                wrong.append((status, why, json.dumps(claims)[:200]))
    assert wrong == []


def signed(claims: dict[str, Any], key: str, algorithm: str) -> str:
    message = jwt.PyJWS()
    return message.encode(json.dumps(claims).encode(), key, algorithm=algorithm, headers={"typ": "JWT"})
