"""The commands on each platform: a beginning, a look, a rotation, and keys that others make."""

from pathlib import Path

import pytest
from conftest import Run

KEY, OTHER = "k7Qz" * 12, "p4Xw" * 12
APP, HUB = "https://shop.example.com", "https://hub.example.com"
WITH_HUB = ("--hub", HUB)
# what is said to init, the file of the hub that holds a key, and that of the app
BEGUN: dict[str, tuple[tuple[str, ...], str | None, str]] = {
    "coolify": (WITH_HUB, "hub.env", "app.env"),
    "compose": (WITH_HUB, "hub/jwks.json", "app.env"),
    "frankenphp": ((), None, "app.env"),
    "systemd": (WITH_HUB, "jwks.json", "app.env"),
    "kubernetes": (WITH_HUB, "hub.secret.yaml", "app.secret.yaml"),
    "other": (WITH_HUB, "hub.env", "app.env"),
}


def begin(run: Run, platform: str, *more: str) -> None:
    said = run("init", "--platform", platform, "--app", APP, *more)
    assert said.code == 0, said.err


@pytest.mark.parametrize("platform", BEGUN)
def test_a_first_look(run: Run, project: Path, platform: str):
    words, hub, app = BEGUN[platform]
    begin(run, platform, *words)
    folder = project / "deploy/production"
    assert (folder / app).stat().st_mode & 0o777 == 0o600
    if hub:
        assert (folder / hub).stat().st_mode & 0o777 == 0o600
    assert run("check").out == "production: in line\n"
    assert run("diff").out == ""
    assert run("status").lines[0] == "production: in line"
    # a changed file is seen, and shows no key
    secret = next(line for line in (folder / app).read_text().splitlines() if "MERCURE_JWT_SECRET" in line)
    (folder / app).write_text((folder / app).read_text().replace("hub.example.com", "hub.example.org") + "\n")
    said = run("diff")
    assert said.code == 1
    assert secret.partition("SECRET")[2].strip('=: "') not in said.out
    assert "<key " in said.out or "MERCURE_URL" in said.out


@pytest.mark.parametrize("platform", ["systemd", "kubernetes", "compose"])
def test_a_step_of_a_rotation_says_what_to_deploy(run: Run, platform: str):
    begin(run, platform, *WITH_HUB)
    said = run("rotate-keys", "production")
    assert said.code == 0, said.err
    words = {"systemd": "systemctl reload mercure", "kubernetes": "kubectl apply", "compose": "caddy reload"}
    assert words[platform] in said.out
    said = run("rotate-keys", "production", "--deployed")
    redeploy = {"kubernetes": "kubectl rollout restart app"}.get(platform, "redeploy app")
    assert redeploy in said.out


@pytest.mark.parametrize("platform", ["frankenphp", "other"])
def test_where_two_keys_have_no_place(run: Run, platform: str):
    begin(run, platform, *BEGUN[platform][0])
    said = run("rotate-keys", "production")
    assert said.code == 2
    assert "--now when hub and apps can go out together" in said.err
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    assert run("check").code == 0


def test_a_rotation_of_a_hub_inside_an_app(run: Run, project: Path):
    begin(run, "frankenphp")
    spec = project / "mercure.yaml"
    text = spec.read_text()
    spec.write_text(text.replace("# image:", "image:"))
    said = run("rotate-keys", "production")
    assert (said.code, "redeploy app, in whose container it is" in said.out) == (0, True), said.err
    # an image that cannot, while a rotation is open
    spec.write_text(text)
    said = run("render")
    assert said.code == 2
    assert "a rotation is open, and here the hub cannot trust two keys" in said.err


def test_a_key_pair_where_none_has_a_place(run: Run, project: Path):
    begin(run, "compose", *WITH_HUB)
    spec = project / "mercure.yaml"
    text = spec.read_text()
    spec.write_text(text.replace("    keys:\n", "    keys:\n      algorithm: ES256\n"))
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    other = text.replace("platform: compose", "platform: other")
    spec.write_text("\n".join(line for line in other.splitlines() if "internal_url" not in line) + "\n")
    said = run("render")
    assert said.code == 2
    assert "its key is ES256" in said.err
    assert "[alg-mismatch]" in said.err


def test_a_changed_hub_says_what_is_next(run: Run, project: Path):
    for platform, words, line in (
        ("systemd", "history: 50", "systemctl restart mercure"),
        ("kubernetes", "history: 50", "kubectl apply -k ."),
    ):
        for path in project.glob("mercure*"):
            path.unlink()
        begin(run, platform, *WITH_HUB, "--env", platform)
        spec = project / "mercure.yaml"
        spec.write_text(spec.read_text().replace("    apps:\n", f"      {words}\n    apps:\n"))
        assert line in run("render").err


def test_a_hub_of_others(run: Run, project: Path):
    said = run("init", "--platform", "managed", "--app", APP, *WITH_HUB)
    assert said.code == 2
    assert "production has no key yet" in said.err
    assert not (project / "mercure.yaml").exists()
    said = run("init", "--platform", "managed", "--app", APP, *WITH_HUB, "--key-from", "-", stdin=f"{KEY}\n")
    assert said.code == 0, said.err
    assert KEY in (project / "deploy/production/app.env").read_text()
    assert KEY not in said.out + said.err
    said = run("rotate-keys", "production", "--now", "--yes")
    assert said.code == 2
    assert "are made by who runs the hub" in said.err
    (project / "new.env").write_text(f"MERCURE_JWT_SECRET={OTHER}\n")
    said = run("import", "new.env", "--replace")
    assert said.code == 0, said.err
    assert "next: apps: production/app.env" in said.out
    assert OTHER in (project / "deploy/production/app.env").read_text()
    said = run("import", "new.env", "--replace")
    assert "that is the key which is in use already" in said.out
    (project / "new.env").unlink()
    assert run("check").code == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no key"),
        ("two\nlines of text that are no key at all, long as they may be\n", "holds no key"),
        (f"MERCURE_PUBLISHER_JWT_KEY={KEY}\nMERCURE_SUBSCRIBER_JWT_KEY={OTHER}\n", "several keys"),
        ("tooshort\n", "8 bytes, HS256 wants 32"),
        ("!ChangeThisMercureHubJWTSecretKey!\n", "everybody knows this key"),
    ],
)
def test_a_key_that_cannot_be_used(run: Run, project: Path, text: str, reason: str):
    (project / "key").write_text(text)
    said = run("init", "--app", APP, *WITH_HUB, "--key-from", "key")
    assert said.code == 2
    assert reason in said.err
    assert not (project / "mercure.yaml").exists()


def test_a_key_that_is_not_there(run: Run):
    said = run("init", "--app", APP, *WITH_HUB, "--key-from", "nowhere")
    assert said.code == 2
    assert "nowhere is not there" in said.err


def test_an_env_file_that_holds_the_key(run: Run, project: Path):
    (project / "key.env").write_text(f"MERCURE_JWT_SECRET={KEY}\n")
    begin(run, "compose", *WITH_HUB, "--key-from", "key.env")
    assert KEY in (project / "deploy/production/app.env").read_text()
