"""`import`: set-ups of other people become ours, with the key that is in use; what cannot be is said before."""

import base64
import json
import re
from pathlib import Path

import pytest
from conftest import Run
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dotenv import dotenv_values
from ruamel.yaml import YAML

from mercure_deploy import keys
from mercure_deploy.keys import asymmetric

CASES = Path(__file__).parent.parent / "lint/cases"
CLEAN = [path.name for path in sorted(CASES.glob("clean-*"))]
KEY, OTHER = "ab" * 32, "cd" * 32
# every character that all readers hand on, in quotes
AWKWARD = 'a"b$c#d e\\f{g}`h&i;j<k>l(m)n|o~p[q]é!%' + "Qz7" * 7
APP = "MERCURE_URL=https://hub.example.com/.well-known/mercure\nMERCURE_PUBLIC_URL=https://hub.example.com/.well-known/mercure\n"
URLS = ("--app", "https://app.example.com")


def copied(name: str, to: Path) -> dict[str, object]:
    """The files of a case in a folder, and what it says of itself."""
    to.mkdir()
    for path in (CASES / name).iterdir():
        if path.name != "case.yaml":
            (to / path.name).write_bytes(path.read_bytes())
    said: dict[str, object] = YAML(typ="safe").load(CASES / name / "case.yaml")
    return said


def urls(said: dict[str, object]) -> list[str]:
    domains = said["domains"]
    assert isinstance(domains, dict)
    apps = domains["app"] if isinstance(domains["app"], list) else [domains["app"]]
    return ["--app", apps[0], "--hub", domains["hub"]]


def put(app: str, hub: str, **more: str) -> None:
    for name, text in {"app.env": app, "hub.env": hub, **more}.items():
        Path(name).write_text(text)


def both(key: str, more: str = "") -> tuple[str, str]:
    quoted = f"'{key}'"
    roles = "".join(f"MERCURE_{role}_JWT_KEY={quoted}\n" for role in ("PUBLISHER", "SUBSCRIBER"))
    return f"{APP}MERCURE_JWT_SECRET={quoted}\n", f"SERVER_NAME=:80\n{roles}{more}"


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["coolify", "compose"])
@pytest.mark.parametrize("name", CLEAN)
def test_what_worked_goes_on_with_the_same_values(project: Path, run: Run, name: str, platform: str):
    case = copied(name, project / "old")
    said = run("import", "old", *urls(case), "--platform", platform, "--yes")
    assert said.code == 0, said.err
    assert run("check").code in {0, 1}
    assert "in line" in run("check").out
    new = dotenv_values("deploy/production/app.env")
    old = dotenv_values("old/app.env") if Path("old/app.env").exists() else dotenv_values("old/hub.env")
    assert new["MERCURE_JWT_SECRET"] == (old.get("MERCURE_JWT_SECRET") or old["MERCURE_PUBLISHER_JWT_KEY"])
    if "MERCURE_PUBLIC_URL" in old:
        assert new["MERCURE_PUBLIC_URL"] == old["MERCURE_PUBLIC_URL"]
    if "MERCURE_URL" in old and "internal_url" not in said.err:
        assert new["MERCURE_URL"] == old["MERCURE_URL"]
    assert new["MERCURE_JWT_SECRET"] not in said.out + said.err + Path("mercure.yaml").read_text()
    # nothing that was there is touched, and the origins are those from before
    assert {path.name for path in Path("old").iterdir()} == {p.name for p in (CASES / name).iterdir()} - {"case.yaml"}
    before = "\n".join(path.read_text() for path in Path("old").iterdir())
    listed = re.search(r"cors_origins ((?:https?://\S+[ ]?)+)", before)
    assert listed
    written = re.search(r"cors_origins (.*)", Path(f"deploy/production/{_caddyfile(platform)}").read_text())
    assert written
    assert set(written[1].split()) >= {each.strip("'") for each in listed[1].split()}


def _caddyfile(platform: str) -> str:
    return "Caddyfile" if platform == "coolify" else "hub/Caddyfile"


CADDYFILE = """{
	email me@example.com
	debug
}
:80 {
	tls internal
	mercure {
		publisher_jwt {env.MERCURE_PUBLISHER_JWT_KEY}
		subscriber_jwt {env.MERCURE_SUBSCRIBER_JWT_KEY}
		cors_origins https://app.example.com https://www.example.com *
		cookie_name own
		anonymous
		subscriptions
		heartbeat 20s
		heartbeat 30s
		write_timeout
		demo
		transport bolt {
			path /data/x.db
			size 500
			bucket_name x
		}
	}
}
"""
LEFT = {
    "Caddyfile:3:2": "global option debug",
    "Caddyfile:6:2": "tls of the hub's site",
    "Caddyfile:10:64": "* is no origin of a page; list those of your pages instead",
    "Caddyfile:12:3": "anonymous lets strangers subscribe: say anonymous: true and accept: [anonymous] in the spec,"
    " if all updates are public",
    "Caddyfile:15:3": "heartbeat is said twice",
    "Caddyfile:16:3": "write_timeout takes a duration such as 15s",
    "Caddyfile:17:3": "demo opens the hub to every visitor",
    "Caddyfile:21:4": "transport bolt: bucket_name",
    "hub.env:3:17": "MERCURE_LICENSE of the hub",
}


def test_words_are_carried_over_and_the_rest_is_listed(project: Path, run: Run):
    app = "MERCURE_URL=http://hub-x/hub\nMERCURE_PUBLIC_URL=https://hub.example.com/hub\n"
    roles = f"MERCURE_PUBLISHER_JWT_KEY={KEY}\nMERCURE_SUBSCRIBER_JWT_KEY={KEY}\n"
    put(f"{app}MERCURE_JWT_SECRET={KEY}\n", f"{roles}MERCURE_LICENSE=x\n", Caddyfile=CADDYFILE)
    Path("config/packages").mkdir(parents=True)
    Path("config/packages/mercure.yaml").write_text("mercure:\n  hubs:\n    default:\n      cookie_name: own\n")
    said = run("import", "-q")
    assert (said.code, said.out) == (1, "")
    assert {path.name for path in project.iterdir()} == {"app.env", "hub.env", "Caddyfile", "config"}
    found = re.findall(r"^(.+): not carried over: (.*)$", said.err, re.MULTILINE)
    assert dict(found) == LEFT
    assert run("import", "--yes").code == 0
    env = YAML(typ="safe").load(Path("mercure.yaml"))["environments"]["production"]
    assert {name: word for name, word in env["hub"].items() if name not in {"url", "version", "image"}} == {
        "path": "/hub",
        "internal_url": "http://hub-x",
        "cookie_name": "own",
        "subscriptions": True,
        "history": 500,
        "directives": ["heartbeat 20s"],
    }
    assert env["apps"]["app"]["origins"] == ["https://www.example.com"]
    assert (env["apps"]["app"]["bundle"], env["platform"]) == ("0.5", "coolify")
    assert run("check").code == 0


def test_an_environment_is_added_and_comments_stay(run: Run):
    assert run("init", "--app", "https://a.example.org", "--hub", "https://h.example.org", "--env", "staging").code == 0
    text = Path("mercure.yaml").read_text() + "# mine\n"
    Path("mercure.yaml").write_text(text)
    put(*both(KEY))
    said = run("import", "app.env", "hub.env", *URLS)
    assert said.code == 0, said.err
    assert Path("mercure.yaml").read_text().startswith(text.removesuffix("# mine\n"))
    assert "# mine" in Path("mercure.yaml").read_text()
    again = run("import", "app.env", "hub.env", *URLS)
    assert (again.code, "exists already and has an environment production" in again.err) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "key", [AWKWARD, KEY, "Qx7" * 10 + "yz", "Ünïcödé-" * 4 + "abc"], ids=["awkward", "hex", "32", "utf8"]
)
@pytest.mark.parametrize("platform", ["coolify", "compose"])
def test_a_key_of_any_characters_stays(run: Run, key: str, platform: str):
    put(*both(key))
    said = run("import", *URLS, "--platform", platform, "--yes")
    assert said.code == 0, said.err
    assert "key-too-short" not in said.err
    assert dotenv_values("deploy/production/app.env")["MERCURE_JWT_SECRET"] == key
    if platform == "coolify":
        assert dotenv_values("deploy/production/hub.env")["MERCURE_PUBLISHER_JWT_KEY"] == key
    else:
        [row] = json.loads(Path("deploy/production/hub/jwks.json").read_text())["keys"]
        assert base64.urlsafe_b64decode(row["k"] + "==").decode() == key
    assert ("tick Is Literal" in said.err) == (platform == "coolify" and not key.isalnum())
    assert key not in said.out + said.err
    # the ring is read again, and a rotation goes on from it
    assert run("status").code in {0, 1}
    assert run("rotate-keys", "production").code == 0
    assert run("check").code in {0, 1}
    assert "in line" in run("check").out


def pem(algorithm: str) -> tuple[str, str]:
    private = asymmetric.private_pem(algorithm)
    return private, asymmetric.public_pem(private, algorithm)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("form", ["quoted", "base64"])
def test_a_private_key_of_the_app_stays(run: Run, algorithm: str, form: str):
    private, public = pem(algorithm)
    app = f"{APP}MERCURE_JWT_SECRET='{private}'\n"
    if form == "base64":
        app = f"{APP}MERCURE_JWT_KEY_B64={base64.b64encode(private.encode()).decode()}\n"
    caddyfile = (
        f":80 {{\n\tmercure {{\n\t\tpublisher_jwt `{public}` {algorithm}\n\t\tsubscriber_jwt `{public}` {algorithm}\n"
    )
    put(app, "SERVER_NAME=:80\n", Caddyfile=f"{caddyfile}\t}}\n}}\n")
    said = run("import", *URLS, "--yes")
    assert said.code == 0, said.err
    [row] = json.loads(Path("deploy/production/keys.json").read_text())["keys"]
    assert row["algorithm"] == algorithm
    assert asymmetric.public_pem(row["secret"], algorithm) == public
    assert public in Path("deploy/production/Caddyfile").read_text()
    assert run("check").code == 0


def other_public() -> str:
    return pem("RS256")[1]


def other_curve() -> str:
    found = ec.generate_private_key(ec.SECP384R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return found.private_bytes(*form).decode()


REFUSED = {
    "differ": (both(KEY)[0], both(OTHER)[1], "key-mismatch", "--use app or --use hub"),
    "roles": (
        both(KEY)[0],
        both(KEY)[1].replace(f"SUBSCRIBER_JWT_KEY='{KEY}'", f"SUBSCRIBER_JWT_KEY={OTHER}"),
        "key-mismatch",
        "both roles",
    ),
    "placeholder": (*both("!ChangeThisMercureHubJWTSecretKey!"), "key-placeholder", "init"),
    "short": (*both("abcdefgh12345678"), "key-too-short", "16 bytes"),
    "token": (*both("eyJhbGciOiJIUzI1NiJ9.eyJtZXJjdXJlIjp7fX0.x1x2x3"), "jwt-key-confusion", "a token"),
    "path": (*both("/run/secrets/mercure_key"), "pem-in-env", "a path"),
    "public": (APP, f"MERCURE_PUBLISHER_JWT_KEY='{other_public()}'\n", "key-missing", "nobody can sign"),
    "certificate": (*both("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"), "pem-in-env", "certificate"),
    "broken": (*both("-----BEGIN PRIVATE KEY----- MIIB -----END PRIVATE KEY-----"), "pem-in-env", "line breaks"),
    "none": (APP, "SERVER_NAME=:80\n", "key-missing", "no key"),
    "reference": (f"{APP}MERCURE_JWT_SECRET=${{FROM_ELSEWHERE}}\n", "SERVER_NAME=:80\n", "key-missing", "no key"),
    "quoting": (f'{APP}MERCURE_JWT_SECRET="it\'s{KEY}"\n', "SERVER_NAME=:80\n", "key-quoting", "holds a '"),
    "blanks": (*both(f" {KEY}"), "key-quoting", "blanks"),
    "no pair": (both(KEY)[0], f"{both(KEY)[1]}MERCURE_PUBLISHER_JWT_ALG=RS256\n", "alg-mismatch", "wants a key pair"),
    "another curve": (f"{APP}MERCURE_JWT_SECRET='{other_curve()}'\n", "SERVER_NAME=:80\n", "alg-mismatch", "known are"),
    "team": (*both(f"{KEY}{{{{team.X}}}}"), "key-quoting", "holds {{"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused_with_its_reason(project: Path, run: Run, name: str):
    app, hub, id_, words = REFUSED[name]
    put(app, hub)
    said = run("import", *URLS, "--yes")
    assert said.code == 1, said.err
    assert f"[{id_}]" in said.err
    assert words in said.err
    assert {path.name for path in project.iterdir()} == {"app.env", "hub.env"}
    for secret in (KEY, OTHER):
        assert secret not in said.out + said.err


@pytest.mark.parametrize(("use", "key"), [("app", KEY), ("hub", OTHER)])
def test_somebody_decides_whose_key_is_kept(run: Run, use: str, key: str):
    put(both(KEY)[0], both(OTHER)[1])
    assert run("import", *URLS, "--use", use).code == 0
    assert dotenv_values("deploy/production/app.env")["MERCURE_JWT_SECRET"] == key
    assert keys.fingerprint(key) in Path("deploy/production/manifest.json").read_text()


def test_two_deployments_in_one_folder_are_not_mixed(run: Run):
    for name, key in (("staging", KEY), ("live", OTHER)):
        Path(name).mkdir()
        app, hub = both(key)
        Path(name, "app.env").write_text(app)
        Path(name, "hub.env").write_text(hub)
    said = run("import", *URLS)
    assert said.code == 2
    assert "several deployments" in said.err
    assert "live, staging" in said.err
    assert run("import", "live", *URLS).code == 0


def test_what_no_file_says_is_asked_for_or_named(run: Run):
    put(both(KEY)[0].replace("MERCURE_PUBLIC_URL", "X"), both(KEY)[1])
    said = run("import")
    assert said.code == 2
    assert "no file says --app and --hub" in said.err
    Path("app.env").unlink()
    Path("hub.env").unlink()
    assert run("import").code == 2


def test_own_files_elsewhere_give_back_a_lost_ring(run: Run):
    assert run("init", *URLS, "--hub", "https://hub.example.com").code == 0
    old = dotenv_values("deploy/production/app.env")
    for path in ("app.env", "hub.env", "docker-compose.yaml"):
        Path(path).write_bytes(Path("deploy/production", path).read_bytes())
    said = run("import", "app.env", "hub.env", "docker-compose.yaml", *URLS, "-f", "new.yaml", "-o", "new")
    assert said.code == 0, said.err
    assert dotenv_values("new/production/app.env") == old


def test_hubs_of_other_transports_and_addresses(run: Run):
    app, roles = both(KEY, "MERCURE_TRANSPORT_URL=redis://x\nMERCURE_EXTRA_DIRECTIVES=transport_url local://local\n")
    put(app, roles)
    compose = (
        "services:\n  mercure:\n    image: dunglas/mercure:v0.14.3\n    env_file: hub.env\n    ports: ['3000:80']\n"
    )
    Path("compose.yaml").write_text(f"{compose}    command: x\n    deploy: {{replicas: 2}}\n")
    said = run("import", *URLS, "--yes")
    assert said.code == 0, said.err
    for said_so in ("is a hub of generation 0.14", "bolt instead", "command of mercure", "replicas of mercure"):
        assert said_so in said.err
    env = YAML(typ="safe").load(Path("mercure.yaml"))["environments"]["production"]
    assert (env["platform"], env["hub"]["tls"], env["hub"]["port"], env["hub"]["history"]) == (
        "compose",
        "proxy",
        3000,
        0,
    )


def test_a_hub_with_its_own_certificate(run: Run):
    app, hub = both(KEY, "MERCURE_TRANSPORT_URL=bolt:///data/x.db?size=20000\n")
    put(app, hub.replace("SERVER_NAME=:80", "SERVER_NAME=hub.example.com"))
    said = run("import", *URLS, "--yes")
    assert "a history without end or of more than 10000" in said.err
    env = YAML(typ="safe").load(Path("mercure.yaml"))["environments"]["production"]
    assert (env["platform"], env["hub"]["tls"]) == ("compose", "hub")
    assert "history" not in env["hub"]


def test_two_algorithms_of_one_key_are_decided_by_somebody(run: Run):
    Path("config/packages").mkdir(parents=True)
    words = "{secret: '%env(MERCURE_JWT_SECRET)%', algorithm: hmac.sha512}"
    config = f"mercure:\n  hubs:\n    default:\n      jwt: {words}\n"
    put(*both(KEY, "MERCURE_PUBLISHER_JWT_ALG=HS256\n"), **{"config/packages/mercure.yaml": config})
    said = run("import", *URLS, "--yes")
    assert (said.code, "the app signs with HS512, the hub verifies HS256" in said.err) == (1, True), said.err
    assert run("import", *URLS, "--yes", "--use", "app").code == 0
    [row] = json.loads(Path("deploy/production/keys.json").read_text())["keys"]
    assert row["algorithm"] == "HS512"


LISTED = {
    "publisher_jwks_url https://id.example.com/jwks": "publisher_jwks_url: keys come from the ring alone",
    "transport redis://x": "transport redis://x: bolt instead",
    "transport_url redis://x": "transport: bolt instead",
    "transport_url bolt:///x.db": "a history without end",
    "transport bolt {\n\t\t\tsize 10\n\t\t\tbucket_name x\n\t\t}": "transport bolt: bucket_name",
    "playground": "playground opens the hub to every visitor",
    "heartbeat 10s\n\t\theartbeat 20s": "heartbeat is said twice",
    "heartbeat 20s {\n\t\t}": "heartbeat has a block",
    "heartbeat": "heartbeat takes a duration",
    "anonymous": "anonymous lets strangers subscribe",
}
KEPT = {
    "transport_url local://local": {"history": 0},
    "transport_url bolt:///x.db?size=77": {"history": 77},
    "transport local": {"history": 0},
    "cookie_name mine": {"cookie_name": "mine"},
    "subscriptions": {"subscriptions": True},
}
MODERN = f"""\
:80 {{
	mercure {{
		issuer https://app.example.com {{
			publisher_jwt {KEY}
			subscriber_jwt {KEY}
		}}
		resource_identifier https://old.example.com/.well-known/mercure
		protocol_version_compatibility 8
	}}
}}
"""


def test_a_hub_1_0_keeps_its_issuer_and_its_old_clients(run: Run):
    put(both(KEY)[0], "", Caddyfile=MODERN)
    said = run("import", *URLS, "--platform", "compose", "--yes")
    assert said.code == 0, said.err
    assert "resource_identifier is https://hub.example.com/.well-known/mercure now" in said.err
    hub = YAML(typ="safe").load(Path("mercure.yaml"))["environments"]["production"]["hub"]
    assert (hub["version"], hub.get("legacy_clients"), hub.get("issuer")) == ("1.0", True, "https://app.example.com")


def test_on_a_machine_of_ones_own_strangers_may_listen(run: Run):
    app, hub = both(KEY)
    put(app.replace("https://hub.example.com", "http://localhost:3000"), hub, Caddyfile=directives("anonymous"))
    said = run(
        "import", "--app", "http://localhost:8000", "--hub", "http://localhost:3000", "--platform", "compose", "--yes"
    )
    assert said.code == 0, said.err
    hub_words = next(iter(YAML(typ="safe").load(Path("mercure.yaml"))["environments"].values()))["hub"]
    assert hub_words.get("anonymous") is True


def test_a_cookie_that_the_hub_does_not_look_at_is_listed(run: Run):
    config = f"mercure:\n  hubs:\n    default:\n      cookie_name: mine\n      jwt:\n        secret: '{KEY}'\n"
    app, hub = both(KEY)
    put("\n".join(line for line in app.splitlines() if "SECRET" not in line), hub, **{"mercure.yaml": config})
    Path("config/packages").mkdir(parents=True)
    Path("mercure.yaml").rename("config/packages/mercure.yaml")
    said = run("import", *URLS, "--platform", "compose", "--yes")
    assert said.code == 0, said.err
    assert "cookie_name: the hub does not look at that cookie" in said.err


def test_a_public_url_of_another_name_is_listed(run: Run):
    app, hub = both(KEY)
    put(app.replace("https://hub.example.com", "https://old.example.com"), hub)
    said = run("import", *URLS, "--hub", "https://hub.example.com", "--platform", "compose", "--yes")
    assert "MERCURE_PUBLIC_URL says https://old.example.com, the hub is https://hub.example.com now" in said.err


def directives(*lines: str) -> str:
    keyed = f"publisher_jwt {KEY}\n\t\tsubscriber_jwt {KEY}"
    inner = "\n\t\t".join((keyed, *lines))
    return f":80 {{\n\tmercure {{\n\t\t{inner}\n\t}}\n}}\n"


@pytest.mark.parametrize("line", LISTED)
def test_a_directive_that_is_not_carried_over_is_listed(run: Run, line: str):
    put(both(KEY)[0], "", Caddyfile=directives(line))
    said = run("import", *URLS, "--platform", "compose")
    assert (said.code, LISTED[line] in said.err) == (1, True), said.err
    assert not Path("mercure.yaml").exists()


@pytest.mark.parametrize("line", KEPT)
def test_a_directive_that_has_a_word_is_kept(run: Run, line: str):
    put(both(KEY)[0], "", Caddyfile=directives(line))
    said = run("import", *URLS, "--platform", "compose", "--yes")
    assert said.code == 0, said.err
    hub = YAML(typ="safe").load(Path("mercure.yaml"))["environments"]["production"]["hub"]
    assert {name: hub.get(name) for name in KEPT[line]} == KEPT[line]


def test_a_way_to_the_hub_that_no_spec_can_have_is_listed(run: Run):
    app, hub = both(KEY)
    put(app.replace("MERCURE_URL=https://hub.example.com/", "MERCURE_URL=http://shop_hub:3000/"), hub)
    said = run("import", *URLS, "--platform", "compose", "--yes")
    assert said.code == 0, said.err
    assert "internal_url http://shop_hub:3000" in said.err
    assert "the apps publish to https://hub.example.com instead" in said.err


def test_a_key_under_another_name_is_no_variable_that_is_lost(run: Run):
    roles = "".join(f"      MERCURE_{role}_JWT_KEY: ${{HUB_SECRET}}\n" for role in ("PUBLISHER", "SUBSCRIBER"))
    lines = ("image: dunglas/mercure:v0.24.2", "labels: [traefik.enable=true]", "environment:", "  SERVER_NAME: ':80'")
    service = "services:\n  mercure:\n" + "".join(f"    {line}\n" for line in lines)
    app = both(KEY)[0].replace(f"'{KEY}'", "${HUB_SECRET}")
    put(app, f"HUB_SECRET={KEY}\nSERVER_NAME=:80\n", **{"compose.yaml": service + roles})
    said = run("import", *URLS, "--yes")
    assert said.code == 0, said.err
    assert "HUB_SECRET" not in said.err
    assert "platform: compose" in Path("mercure.yaml").read_text()


def test_foreign_files_give_way_when_it_is_said(run: Run):
    put(*both(KEY))
    Path("deploy/production").mkdir(parents=True)
    Path("deploy/production/README.md").write_text("mine\n")
    said = run("import", "app.env", "hub.env", *URLS)
    assert (said.code, "say --replace" in said.err, Path("mercure.yaml").exists()) == (2, True, False)
    assert run("import", "app.env", "hub.env", *URLS, "--replace").code == 0
    assert Path("deploy/production/README.md.before-mercure-deploy").read_text() == "mine\n"
