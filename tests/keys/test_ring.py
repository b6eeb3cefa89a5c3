"""The ring: every transition, its text, and what is refused."""

import base64
import hashlib
import hmac
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mercure_deploy import keys
from mercure_deploy.errors import Trouble
from mercure_deploy.keys import KeyRing

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "ES256"]


def states(ring: KeyRing) -> list[str]:
    return [key.state for key in ring.keys]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_key_is_strong_and_survives_its_text(algorithm: str):
    ring = keys.first(algorithm, T0)
    again = keys.loads(keys.dumps(ring), "keys.json")
    assert again == ring
    assert keys.dumps(again) == keys.dumps(ring)
    text = ring.current.text()
    if algorithm.startswith("HS"):
        assert len(text) == 64
        assert text.isalnum()
        assert base64.urlsafe_b64decode(keys.jwk(ring.current)["k"] + "==").decode() == text
    else:
        assert "PRIVATE KEY" in text
        assert "PUBLIC KEY" in (ring.current.public or "")
        assert "d" not in keys.jwk(ring.current)


def test_two_keys_are_never_the_same():
    assert len({keys.make("HS256", T0).text() for _ in range(50)}) == 50


def test_the_steps_of_a_rotation():
    first = keys.first("HS256", T0)
    staged = keys.stage(first, "HS512", T0 + HOUR)
    assert states(staged) == ["current", "staged"]
    assert staged.current == first.current
    promoted = keys.promote(staged, T0 + 2 * HOUR)
    assert states(promoted) == ["retiring", "current"]
    assert promoted.current.algorithm == "HS512"
    assert {key.since for key in promoted.keys} == {T0 + 2 * HOUR}
    retired = keys.retire(promoted)
    assert retired.keys == (promoted.current,)
    aborted = keys.abort(staged, T0 + 2 * HOUR)
    assert (aborted.keys, aborted.gone, aborted.serial) == (first.keys, (staged.keys[1].id,), 3)
    assert not aborted.aborting
    swapped = keys.abort(promoted, T0 + 3 * HOUR)
    assert states(swapped) == ["current", "retiring"]
    assert swapped.current.text() == first.current.text()
    assert swapped.aborting
    with pytest.raises(Trouble, match="is being taken back already"):
        keys.abort(swapped, T0 + 4 * HOUR)
    over = keys.retire(swapped)
    assert over.current.text() == first.current.text()
    assert (over.serial, over.gone, over.aborting) == (5, (staged.keys[1].id,), False)


def test_steps_out_of_order_are_refused():
    first = keys.first("HS256", T0)
    staged = keys.stage(first, "HS256", T0)
    promoted = keys.promote(staged, T0)
    wrong = [
        lambda: keys.promote(first, T0),
        lambda: keys.retire(first),
        lambda: keys.abort(first, T0),
        lambda: keys.stage(staged, "HS256", T0),
        lambda: keys.retire(staged),
        lambda: keys.stage(promoted, "HS256", T0),
        lambda: keys.promote(promoted, T0),
    ]
    for step in wrong:
        with pytest.raises(Trouble):
            step()


def taken(step: str, ring: KeyRing, now: datetime) -> KeyRing:
    if step == "now":
        return keys.replace_all("HS256", now, [ring])
    if step == "retire":
        return keys.retire(ring)
    return keys.stage(ring, "HS384", now) if step == "stage" else getattr(keys, step)(ring, now)


@given(st.lists(st.sampled_from(["stage", "promote", "retire", "abort", "now"]), max_size=12))
def test_whatever_the_order_one_key_signs_and_the_text_survives(steps: list[str]):
    ring, clock = keys.first("HS256", T0), T0
    for step in steps:
        clock += HOUR
        before = ring
        try:
            ring = taken(step, before, clock)
        except Trouble:
            continue
        assert states(ring).count("current") == 1
        assert len(ring.keys) <= 2
        # whoever signed before is trusted on, unless everything was thrown away
        assert step == "now" or before.current.id in {key.id for key in ring.keys}
        assert keys.loads(keys.dumps(ring), "x") == ring
        # every key that ever was is known, and every change is counted
        assert {key.id for key in before.keys} | set(before.gone) <= {key.id for key in ring.keys} | set(ring.gone)
        assert ring.serial == before.serial + 1


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_view_holds_no_secret_and_is_enough_for_public_files(algorithm: str):
    ring = keys.first(algorithm, T0)
    view = json.dumps(keys.public_view(ring))
    assert ring.current.text() not in json.loads(view)["keys"][0].values()
    assert json.loads(view)["serial"] == 1
    public = keys.loads_public(json.loads(view), "manifest.json")
    assert not public.complete
    assert ring.complete
    assert (public.current.fingerprint, public.current.public) == (ring.current.fingerprint, ring.current.public)


def test_the_fingerprint_is_that_of_the_contract():
    wanted = hmac.new(b"abc", b"mercure-deploy fingerprint v1", hashlib.sha256).hexdigest()[:8]
    assert keys.fingerprint("abc") == wanted


def test_a_secret_does_not_show():
    ring = keys.first("HS256", T0)
    text = ring.current.text()
    for shown in (repr(ring), str(ring), f"{ring.current.secret}", repr(ring.current)):
        assert text not in shown
    with pytest.raises(TypeError):
        pickle.dumps(ring)


def row(**said: object) -> dict[str, object]:
    times = {"created": "2026-01-02T03:04:05Z", "since": "2026-01-02T03:04:05Z"}
    return {"id": "a", "algorithm": "HS256", "secret": "x1" * 32, "state": "current", **times, **said}


PEM = keys.first("ES256", T0).current.text()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(secret="!ChangeThisMercureHubJWTSecretKey!")], "placeholder"),
        ([row(secret="a" * 64)], "placeholder"),
        ([row(secret="aB3" * 10)], "shorter than 32 bytes"),
        ([row(secret="aB3x" * 10, algorithm="HS512")], "shorter than 64 bytes"),
        ([row(secret="it's 'quoted' and long enough for it")], "characters that not every reader"),
        ([row(secret=None)], "cannot be read"),
        ([row(secret="\ud800x1" * 40)], "cannot be read"),
        ([row(algorithm="HS1")], "cannot be read"),
        ([row(state="old")], "cannot be read"),
        ([row(created="yesterday")], "cannot be read"),
        ([row(created="2026-01-02T03:04:05")], "cannot be read"),
        ([row(id="a b")], "cannot be read"),
        ([row(algorithm="RS256", secret=PEM)], "cannot be read"),
        ([row(algorithm="RS256")], "cannot be read"),
        ([row(algorithm="ES256", secret=PEM.replace("PRIVATE", "PUBLIC"))], "cannot be read"),
        ([], "exactly one current key"),
        ([row(), row(id="b")], "exactly one current key"),
        ([row(), row(state="staged")], "exactly one current key"),
        ([row(), row(id="b", state="staged"), row(id="c", state="retiring")], "exactly one current key"),
        ([row(state="staged")], "exactly one current key"),
        ("keys", "has no list of keys"),
        (["a"], "has no list of keys"),
    ],
)
def test_a_ring_that_must_not_be_used_is_refused_without_its_text(rows: object, said: str):
    data = json.dumps({"version": 1, "keys": rows}).encode()
    with pytest.raises(Trouble) as caught:
        keys.loads(data, "keys.json")
    text = str(caught.value)
    assert said in text
    assert "rotate-keys --now" in text
    assert not any(str(each.get("secret"))[:12] in text for each in rows if isinstance(each, dict))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b"{}",
        b'{"version": 0, "keys": []}',
        b"\xff",
        b'{"version": 1, "keys": [], "replaced": 1}',
    ],
)
def test_what_is_no_ring(data: bytes):
    with pytest.raises(Trouble, match=r"keys\.json (is no|is not|must)"):
        keys.loads(data, "keys.json")
    assert not keys.newer(data)


def test_a_newer_ring_is_left_alone():
    with pytest.raises(Trouble, match="newer mercure-deploy"):
        keys.loads(b'{"version": 2}', "keys.json")
    assert keys.newer(b'{"version": 2}')


@pytest.mark.parametrize(
    "said",
    [
        {"fingerprint": "xyz"},
        {"public": "no PEM"},
        {"algorithm": "ES256"},
        {"algorithm": "ES256", "public": "no PEM"},
        {"fingerprint": 1},
    ],
)
def test_a_damaged_public_view_is_refused(said: dict[str, object]):
    view = keys.public_view(keys.first("HS256", T0))
    rows = [{**row, **said} for row in cast("list[dict[str, object]]", view["keys"])]
    with pytest.raises(Trouble, match="cannot be read"):
        keys.loads_public({**view, "keys": rows}, "manifest.json")


@pytest.mark.parametrize("said", [{"serial": "1"}, {"serial": -1}, {"serial": True}, {"aborting": 1}, {"gone": "x"}])
def test_a_ring_that_does_not_count_is_damaged(said: dict[str, object]):
    text = json.loads(keys.dumps(keys.first("HS256", T0))) | said
    with pytest.raises(Trouble, match=r"counts its changes|is no key ring"):
        keys.loads(json.dumps(text).encode(), "keys.json")


def test_a_ring_of_the_version_before_is_read():
    text = json.loads(keys.dumps(keys.first("HS256", T0)))
    del text["serial"]
    ring = keys.loads(json.dumps(text | {"replaced": ["51aa7e02"]}).encode(), "keys.json")
    assert (ring.serial, ring.gone) == (0, ("51aa7e02",))


def test_a_public_key_of_a_manifest_is_written_anew():
    ring = keys.first("ES256", T0)
    view = keys.public_view(ring)
    (row,) = cast("list[dict[str, object]]", view["keys"])
    row["public"] = f"text before\n{row['public']}\nrespond 200\n"
    assert keys.loads_public(view, "m").current.public == ring.current.public


def test_times():
    assert keys.stamp(keys.moment("2026-11-24T12:00:00+02:00")) == "2026-11-24T10:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        keys.moment("2026-11-24T12:00:00")
