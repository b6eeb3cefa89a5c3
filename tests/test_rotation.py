"""The staged rotation: what each step writes and refuses, and that no token is refused when it is deployed as said."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import MINIMAL, Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mercure_deploy import disk, keys, rotation
from mercure_deploy.errors import Trouble
from mercure_deploy.output import look, to_write
from mercure_deploy.rotation import Rotation, Said
from mercure_deploy.spec import load
from mercure_deploy.targets import Deployment

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
COMPOSE = MINIMAL.replace("  production:", "  production:\n    platform: compose")
ENVIRONMENT = MINIMAL.replace("    hub:", "    hub:\n      delivery: environment")
HUB_FILES = {"hub.env", "Caddyfile", "docker-compose.yaml", "hub/Caddyfile", "hub/jwks.json"}


def nobody() -> datetime:
    raise Trouble("nobody to ask")


def proved(_: Deployment) -> None:
    return


def refused(_: Deployment) -> None:
    raise Trouble("not yet", code=1)


@dataclass
class Place:
    """An environment on disk, and a clock."""

    root: Path
    spec: str = MINIMAL
    clock: datetime = T0
    where: Rotation = field(init=False)

    def __post_init__(self) -> None:
        spec = load(self.spec.encode(), "mercure.yaml").spec
        self.where = Rotation(spec, "production", self.root, lambda: None)
        self.root.mkdir(exist_ok=True)
        planned = look(spec, ["production"], self.root, to_write(self.clock))
        disk.commit(self.root, planned.files, ours=disk.Ours(planned.ours), private=planned.private)

    def take(self, said: Said | None = None, prove: Callable[[Deployment], None] = proved) -> rotation.Step:
        return rotation.take(self.where, self.clock, said or Said(), prove, nobody)

    def ring(self) -> keys.KeyRing:
        return keys.loads((self.root / "production/keys.json").read_bytes(), "keys.json")

    def files(self) -> dict[str, bytes]:
        folder = self.root / "production"
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differing(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@pytest.mark.parametrize("spec", [MINIMAL, COMPOSE, ENVIRONMENT], ids=["coolify", "compose", "environment"])
@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
def test_each_step_changes_one_side_only(tmp_path: Path, spec: str, algorithm: str):
    if spec == ENVIRONMENT and algorithm == "ES256":
        algorithm = "HS512"
    place = Place(tmp_path / "deploy", spec + f"    keys: {{algorithm: {algorithm}}}\n")
    steady = place.files()
    staged_step = place.take()
    staged = place.files()
    public = {"keys.json", "manifest.json", "README.md"}
    assert differing(steady, staged) - public <= HUB_FILES
    assert differing(steady, staged) & HUB_FILES
    assert any("deploy the hub, not the apps" in line for line in staged_step.next)
    if spec == COMPOSE:
        assert differing(steady, staged) - public == {"hub/jwks.json"}
    place.clock += HOUR
    place.take()
    promoted = place.files()
    assert differing(staged, promoted) - public == {"app.env"}
    place.clock += 2 * HOUR
    place.take(Said(deployed=True))
    retired = place.files()
    assert differing(promoted, retired) - public <= HUB_FILES
    assert retired.keys() == steady.keys()
    assert len(place.ring().keys) == 1
    old = keys.loads(steady["keys.json"], "x").current
    text = old.text().encode()
    assert not [name for name, data in retired.items() if text in data]


def test_the_hub_trusts_both_keys_in_the_order_of_their_making(tmp_path: Path):
    place = Place(tmp_path / "deploy")
    place.take()
    ring = place.ring()
    env = dict(line.split("=") for line in place.files()["hub.env"].decode().splitlines()[1:])
    assert env == {f"MERCURE_JWK_{number}": keys.jwk(key)["k"] for number, key in enumerate(ring.keys, 1)}
    assert [key.state for key in ring.keys] == ["current", "staged"]
    compose = place.files()["docker-compose.yaml"].decode()
    assert '{"keys":[{"kty":"oct","k":"${MERCURE_JWK_1}"},{"kty":"oct","k":"${MERCURE_JWK_2}"}]}' in compose
    place.clock += HOUR
    place.take()
    assert place.files()["docker-compose.yaml"].decode() == compose


def test_refusals_write_nothing(tmp_path: Path):
    place = Place(tmp_path / "deploy")

    def fails(said: Said, code: int, words: str, prove: Callable[[Deployment], None] = proved) -> None:
        before = place.files()
        with pytest.raises(Trouble) as caught:
            place.take(said, prove)
        assert caught.value.code == code
        assert words in str(caught.value)
        assert place.files() == before

    fails(Said(abort=True), 2, "no rotation is open")
    fails(Said(deployed=True), 2, "no rotation is open")
    fails(Said(at=T0), 2, "belongs to the step after the promotion")
    place.take()
    fails(Said(), 1, "not yet", refused)
    fails(Said(at=T0), 2, "belongs to the step after the promotion")
    place.clock += HOUR
    place.take(Said(deployed=True), refused)
    promoted = place.clock
    fails(Said(), 2, "nobody to ask")
    fails(Said(at=promoted - HOUR), 2, "the promotion was later")
    fails(Said(at=promoted + HOUR), 2, "is not over yet")
    fails(Said(deployed=True), 1, "come back at 2026-01-01T14:00:01Z")
    place.clock += HOUR - timedelta(seconds=1)
    fails(Said(deployed=True), 1, "tokens of the old key may live for 1h")
    place.clock += timedelta(seconds=1)
    fails(Said(at=promoted + timedelta(minutes=30)), 1, "come back at 2026-01-01T14:30:01Z")
    place.take(Said(at=promoted))
    assert len(place.ring().keys) == 1


def test_abort_in_both_states(tmp_path: Path):
    place = Place(tmp_path / "deploy")
    steady, first = place.files(), place.ring()
    place.take()
    step = place.take(Said(abort=True))
    # both count the change, nothing else is left of it
    assert differing(steady, place.files()) == {"keys.json", "manifest.json"}
    assert place.ring().keys == first.keys
    assert any(line.startswith("deploy the hub") for line in step.next)
    place.take()
    place.take()
    step = place.take(Said(abort=True))
    assert place.ring().current.id == first.current.id
    assert any(line.startswith("deploy the apps") for line in step.next)
    place.clock += 2 * HOUR
    place.take(Said(deployed=True))
    assert [key.id for key in place.ring().keys] == [first.current.id]


def test_a_step_that_was_killed_is_finished_first(tmp_path: Path):
    for steps in (1, 2, 3):
        place = Place(tmp_path / f"deploy-{steps}")
        for _ in range(steps - 1):
            place.clock += 2 * HOUR
            place.take(Said(deployed=True) if place.ring().in_state("retiring") else Said())
        before = place.files()
        place.clock += 2 * HOUR
        place.take(Said(deployed=True) if place.ring().in_state("retiring") else Said())
        after = place.files()
        folder = tmp_path / f"deploy-{steps}/production"
        changed = sorted(
            differing(before, after), key=lambda name: (name != "keys.json", name == "manifest.json", name)
        )
        for number in range(1, len(changed)):
            # the first files of the commit are new, the rest is old
            for name in changed:
                data = (after if name in changed[:number] else before).get(name)
                (folder / name).unlink(missing_ok=True)
                if data is not None:
                    disk.create(folder / name, data)
                    (folder / name).chmod(0o600)
            step = place.take(prove=refused)
            assert place.files() == after
            assert step.next


def test_a_new_algorithm_comes_with_the_rotation(tmp_path: Path):
    place = Place(tmp_path / "deploy")
    spec = load((MINIMAL + "    keys: {algorithm: ES256}\n").encode(), "m").spec
    place.where = Rotation(spec, "production", place.root, lambda: None)
    place.take()
    assert [key.algorithm for key in place.ring().keys] == ["HS256", "ES256"]
    assert "MERCURE_JWT_SECRET" in place.files()["app.env"].decode()
    assert '"kty":"EC"' in place.files()["docker-compose.yaml"].decode()
    assert set(place.files()["hub.env"].decode().split("\n")[1:]) == {
        f"MERCURE_JWK_1={keys.jwk(place.ring().keys[0])['k']}",
        "",
    }
    place.take()
    assert "MERCURE_JWT_KEY_B64" in place.files()["app.env"].decode()
    assert "ecdsa.sha256" in place.files()["symfony/app.mercure.yaml"].decode()


# --- no token is refused ---------------------------------------------------------------------------------------------


@dataclass
class World:
    """What is deployed: the keys that the hub trusts, the key that each app signs with, tokens alive until a moment."""

    trusted: set[str]
    signing: dict[str, str]
    alive: list[tuple[str, datetime]] = field(default_factory=list)


ACTIONS = st.sampled_from(["step", "step", "hub", "apps", "wait", "long", "abort", "sign"])


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, max_size=14))
def test_whoever_deploys_what_the_tool_says_refuses_no_token(tmp_path: Path, actions: list[str]):
    shutil.rmtree(tmp_path / "deploy", ignore_errors=True)
    place = Place(tmp_path / "deploy", MINIMAL + "      second:\n        url: https://second.example.com\n")
    current = place.ring().current.id
    world = World({current}, {"app": current, "second": current})
    pending: str | None = None  # what the tool said to deploy
    apps_out = place.clock
    for action in actions:
        if action in {"wait", "long"}:
            place.clock += HOUR / 4 if action == "wait" else 3 * HOUR
        elif action == "sign":
            world.alive += [(key, place.clock + HOUR) for key in world.signing.values()]
        elif action == "hub" and pending == "hub":
            world.trusted, pending = {key.id for key in place.ring().keys}, None
        elif action == "apps" and pending == "apps":
            world.signing, pending = dict.fromkeys(world.signing, place.ring().current.id), None
            apps_out = place.clock
        elif action in {"step", "abort"}:
            # nobody deploys in the second in which it is said what to deploy
            place.clock += timedelta(seconds=1)
            pending = stepped(place, world, pending, apps_out, abort=action == "abort")
        world.alive = [(key, until) for key, until in world.alive if until > place.clock]
        assert set(world.signing.values()) <= world.trusted
        assert {key for key, _ in world.alive} <= world.trusted, actions


def stepped(place: Place, world: World, pending: str | None, apps_out: datetime, *, abort: bool) -> str | None:
    """What is to be deployed after the next step, or still, when it was refused."""
    if pending:
        # the user follows the order that was shown: what was to be deployed goes out before the next step

        def asked(d: Deployment) -> None:
            if not {key.id for key in d.ring.keys} <= world.trusted:
                raise Trouble("not deployed", code=1)
    else:
        asked = proved
    if pending == "apps" or (pending == "hub" and abort):
        return pending
    try:
        step = place.take(Said(abort=abort, at=apps_out if place.ring().in_state("retiring") else None), asked)
    except Trouble:
        return pending
    return "apps" if step.next[0].startswith("deploy the apps") else "hub"


# --- through the command line ----------------------------------------------------------------------------------------


def test_the_command_line(run: Run):
    run("render", spec=MINIMAL)
    said = run("rotate-keys", "production")
    assert said.code == 0
    assert "updated production/hub.env" in said.lines
    assert "unchanged production/app.env" in said.lines
    assert all(line.startswith(("updated ", "unchanged ", "created ", "next: ")) for line in said.lines)
    assert said.lines[-1].startswith("next: ")
    (state,) = (json.loads(run("status", "--format", "json").out)["environments"]["production"]["rotation"],)
    assert (state["state"], state["next"], state["not_before"]) == ("staged", "promote", None)
    assert "rotation: staged since" in run("status").out
    assert run("rotate-keys", "production", "--deployed").code == 0
    said = run("rotate-keys", "production")
    assert said.code == 2
    assert "--deployed-at TIME" in said.err
    assert run("rotate-keys", "production", "--deployed").code == 1
    assert run("rotate-keys", "production", "--deployed-at", "yesterday").code == 2
    state = json.loads(run("status", "--format", "json").out)["environments"]["production"]["rotation"]
    assert (state["state"], state["next"]) == ("promoted", "retire")
    assert state["not_before"] is not None
    assert "next: deploy the apps" in run("status").out
    assert run("rotate-keys", "production", "--now", "--deployed").code == 2
    for via, reason in (("127.0.0.1:8080", "must begin with https://"), ("http://h/x", "without a path")):
        said = run("rotate-keys", "production", "--via", via)
        assert (said.code, said.out) == (2, "")
        assert f"--via {via}: " in said.err
        assert reason in said.err
        assert "hint: the origin that is to be asked instead, as in --via http://127.0.0.1:8080" in said.err
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    assert json.loads(run("status", "--format", "json").out)["environments"]["production"]["rotation"] is None


def test_a_rotation_left_open_is_warned_about(run: Run, project: Path):
    run("render", spec=MINIMAL + "    keys: {max_age: 1m, token_lifetime: 1m}\n")
    run("rotate-keys", "production")
    path = project / "deploy/production/keys.json"
    data = json.loads(path.read_text())
    for row in data["keys"]:
        row["since"] = row["created"] = "2026-01-01T00:00:00Z"
    path.write_text(json.dumps(data))
    (project / "deploy/production/manifest.json").unlink()
    run("render")
    assert "[token-lifecycle]" in run("check").out


def test_without_a_ring_there_is_nothing_to_rotate(run: Run):
    assert "has no key yet" in run("rotate-keys", "production", spec=MINIMAL).err


NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "2026-11-24T12:00:30Z"),
        (" NOW ", "2026-11-24T12:00:30Z"),
        ("11:30", "2026-11-24T10:30:59Z"),
        ("9:05", "2026-11-24T08:05:59Z"),
        ("13:00:30", "2026-11-24T12:00:30Z"),
        # later than now is yesterday's
        ("23:50", "2026-11-23T22:50:59Z"),
        ("2026-11-24T11:00:00Z", "2026-11-24T11:00:00Z"),
        ("2026-11-24T12:00+02:00", "2026-11-24T10:00:59Z"),
        ("2026-11-24 12:00 +02:00", "2026-11-24T10:00:59Z"),
        ("2026-11-24 12:00", "2026-11-24T11:00:59Z"),
        ("2026-11-24 12:00 UTC", "2026-11-24T12:00:30Z"),
    ],
)
def test_a_time_as_people_write_it(monkeypatch: pytest.MonkeyPatch, text: str, moment: str):
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    try:
        assert keys.stamp(rotation.said_moment(text, NOON)) == moment
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-11-24", "12", "2026-13-01 10:00", "now now"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(ValueError, match=r".+"):
        rotation.said_moment(text, NOON)


def test_an_abort_is_said_once(tmp_path: Path, run: Run):
    place = Place(tmp_path / "deploy")
    place.take()
    place.take()
    step = place.take(Said(abort=True))
    assert step.next[0] == "the rotation is being taken back: the apps sign with the old key again"
    before = place.files()
    with pytest.raises(Trouble, match="is being taken back already"):
        place.take(Said(abort=True))
    assert place.files() == before
    assert "**A rotation is being taken back.**" in before["README.md"].decode()
    said = run("status", "-o", str(place.root), spec=MINIMAL)
    assert "being taken back, next: retire" in said.out
    # in CI, from the manifest alone, the same README
    (place.root / "production/keys.json").unlink()
    assert "production: in line" in run("check", "-o", str(place.root)).out
