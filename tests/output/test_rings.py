"""Rings of several people: an old copy is known as one, and nobody's render takes away a key that others need."""

import contextlib
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import MINIMAL
from hypothesis import given, settings
from hypothesis import strategies as st

from mercure_deploy import keys, render, rotation
from mercure_deploy.errors import Trouble
from mercure_deploy.keys import KeyRing
from mercure_deploy.spec import load
from mercure_deploy.targets import Deployment

SPEC = load(MINIMAL.encode(), "m").spec
T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = ("keys.json", "app.env", "hub.env")


def proved(_: Deployment) -> None:
    return


def nobody() -> datetime:
    raise Trouble("nobody to ask")


@dataclass
class Person:
    """A clone of the repository, with the ring as this person has it."""

    root: Path
    base: int = 0

    @property
    def folder(self) -> Path:
        return self.root / "production"

    def ring(self) -> KeyRing | None:
        path = self.folder / "keys.json"
        return keys.loads(path.read_bytes(), "keys.json") if path.exists() else None

    def manifest(self) -> KeyRing | None:
        path = self.folder / "manifest.json"
        return keys.loads_public(json.loads(path.read_text()), "manifest.json") if path.exists() else None


@dataclass
class World:
    """Two people, git between them, and the vault in which they keep the ring."""

    place: Path
    clock: datetime = T0
    people: dict[str, Person] = field(init=False)
    head: int = 0

    def __post_init__(self) -> None:
        self.people = {name: Person(self.place / name) for name in ("ann", "bob")}
        for name in ("git", "vault"):
            (self.place / name).mkdir()
        self.render("ann")
        self.push("ann")
        self.keep("ann")
        self.pull("bob")
        self.fetch("bob")

    def step(self, who: str, what: str) -> None:
        self.clock += timedelta(hours=2)
        getattr(self, what)(who)

    def render(self, who: str) -> None:
        """The one that is watched: what it takes away, a rotation has taken away before it."""
        person = self.people[who]
        person.root.mkdir(exist_ok=True)
        before, ring = person.manifest(), person.ring()
        render.render(SPEC, render.Wish(("production",)), person.root, self.clock)
        after = person.ring()
        assert after
        assert ring is None or (person.folder / "keys.json").read_bytes() == keys.dumps(ring)
        trusted = {key.id for key in after.keys}
        for key in before.keys if before else ():
            assert key.id in trusted or key.id in after.gone, "a render took a key away"
        hub = (person.folder / "hub.env").read_text()
        assert all(key.text() in hub or keys.jwk(key)["k"] in hub for key in after.keys)

    def rotate(self, who: str) -> None:
        said = rotation.Said(deployed=True) if self._open(who) else rotation.Said()
        rotation.take(self._where(who), self.clock, said, proved, nobody)

    def abort(self, who: str) -> None:
        rotation.take(self._where(who), self.clock, rotation.Said(abort=True), proved, nobody)

    def now(self, who: str) -> None:
        rotation.now(self._where(who), self.clock)

    def push(self, who: str) -> None:
        """Only what is based on the newest state, as git has it; secrets are ignored."""
        person = self.people[who]
        if person.base == self.head and person.folder.exists():
            shutil.rmtree(self.place / "git")
            shutil.copytree(person.folder, self.place / "git", ignore=lambda *_: SECRET)
            self.head += 1
            person.base = self.head

    def pull(self, who: str) -> None:
        person = self.people[who]
        shutil.copytree(self.place / "git", person.folder, dirs_exist_ok=True)
        person.base = self.head

    def keep(self, who: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(self.people[who].folder / "keys.json", self.place / "vault/keys.json")

    def fetch(self, who: str) -> None:
        self.people[who].folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.place / "vault/keys.json", self.people[who].folder / "keys.json")

    def lose(self, who: str) -> None:
        (self.people[who].folder / "keys.json").unlink(missing_ok=True)

    def _open(self, who: str) -> bool:
        ring = self.people[who].ring()
        return bool(ring and ring.in_state("retiring"))

    def _where(self, who: str) -> rotation.Rotation:
        return rotation.Rotation(SPEC, "production", self.people[who].root, lambda: None)


STEPS = ["render", "render", "rotate", "rotate", "abort", "now", "push", "pull", "keep", "fetch", "lose"]


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(STEPS)), max_size=14))
def test_nobodys_render_takes_away_a_key_that_the_other_side_needs(steps: list[tuple[str, str]]):
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for who, what in steps:
            person = world.people[who]
            before = (person.manifest(), person.ring())
            try:
                world.step(who, what)
            except Trouble as trouble:
                # what is refused has changed nothing
                assert (person.manifest(), person.ring()) == before
                text = str(trouble)
                # an old copy is never told to be rendered, nor to be thrown away
                assert "is older than" not in text or ("--now" not in text and "render" not in text)


def behind(world: World, *steps: str) -> str:
    """What ann is told whose ring did not see these steps of bob."""
    for what in steps:
        world.step("bob", what)
    world.push("bob")
    world.pull("ann")
    with pytest.raises(Trouble) as caught:
        world.render("ann")
    with pytest.raises(Trouble) as again:
        world.now("ann")
    assert str(again.value) == str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["rotate"], "was staged on 2026-01-01)"),
        (["rotate", "rotate"], "was promoted on 2026-01-01)"),
        (["rotate", "rotate", "rotate"], "was promoted on 2026-01-01)"),
        (["rotate", "abort"], "is no longer trusted)"),
        (["now"], "was made on 2026-01-01)"),
    ],
)
def test_an_old_copy_says_what_it_does_not_know(tmp_path: Path, steps: list[str], said: str):
    world = World(tmp_path)
    mark = world.people["ann"].ring()
    text = behind(world, *steps)
    assert text.startswith("mercure-deploy: production: keys.json is older than manifest.json (key ")
    assert said in text
    assert f"hint: copy {tmp_path}/ann/production/keys.json from where your team keeps it" in text
    assert mark == world.people["ann"].ring()
    # with the ring of the team it goes on
    world.keep("bob")
    world.fetch("ann")
    world.render("ann")


def test_two_rotations_at_once_are_two_rings(tmp_path: Path):
    world = World(tmp_path)
    for who in ("ann", "bob"):
        world.step(who, "rotate")
    world.push("bob")
    world.pull("ann")
    with pytest.raises(Trouble, match="the key ring is missing"):
        world.render("ann")
    # a step further it is no other: the manifest names a key that this ring never had
    world.people["ann"].folder.joinpath("manifest.json").unlink()
    for path in ("README.md", "docker-compose.yaml", "Caddyfile"):
        world.people["ann"].folder.joinpath(path).unlink()
    for path in ("app.env", "hub.env"):
        world.people["ann"].folder.joinpath(path).unlink()
    world.render("ann")
    world.step("ann", "rotate")
    world.pull("ann")
    with pytest.raises(Trouble, match="the key ring is missing"):
        world.render("ann")


def test_a_ring_of_the_version_before_is_judged_by_its_times(tmp_path: Path):
    world = World(tmp_path)
    folder = world.people["ann"].folder
    for name in ("keys.json", "manifest.json"):
        text = json.loads((folder / name).read_text())
        del text["serial"]
        (folder / name).write_text(json.dumps(text))
    world.render("ann")
    assert '"serial": 0' in (folder / "manifest.json").read_text()
    old = (folder / "keys.json").read_bytes()
    world.step("ann", "rotate")
    assert '"serial": 1' in (folder / "manifest.json").read_text()
    (folder / "keys.json").write_bytes(old)
    with pytest.raises(Trouble, match="is older than"):
        world.render("ann")


def test_a_merge_conflict_in_the_manifest_is_called_by_its_name(tmp_path: Path):
    world = World(tmp_path)
    path = world.people["ann"].folder / "manifest.json"
    path.write_text(path.read_text().replace("{\n", "{\n<<<<<<< HEAD\n", 1))
    with pytest.raises(Trouble, match="has the marks of a merge conflict"):
        render.render(SPEC, render.Wish(("production",)), world.people["ann"].root, T0)
