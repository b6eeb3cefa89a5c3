"""Every row of what real browsers did, and the shortcut past the Public Suffix List against the list itself."""

import json
import random
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from publicsuffixlist import PublicSuffixList

from mercure_deploy.facts import cookies
from mercure_deploy.facts.origins import Origin

HERE = Path(__file__).parent
ROWS = json.loads((HERE / "vectors/cookies.json").read_text())["rows"]


def origin(url: str) -> Origin:
    parts = urlsplit(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port)


@pytest.mark.parametrize("row", ROWS, ids=[row["case"] for row in ROWS])
def test_a_cookie_does_what_it_did_in_the_browser(row: dict[str, str]):
    case, symfony = row["case"], row["symfony"]
    path = "/.well-known/mercure/" if "ends with /" in case else "/.well-known/mercure"
    name = "__Secure-mercure_access_token" if "__Secure-" in case else "mercureAuthorization"
    same_site = case.rpartition("SameSite=")[2] if "SameSite=" in case else "strict"
    verdict = cookies.reach(
        origin(row["page"]),
        origin(row["hub"]),
        path=path,
        cookie_name=name,
        same_site=same_site,
        secure=True if "+ Secure" in case else None,
        framed="iframe" in case,
    )
    assert (verdict.stored, verdict.sent) == (row["stored"], row["sent"])
    assert verdict.sent == (verdict.cause is None) == (verdict.reason is None)
    if symfony == "exception":
        assert verdict.cause in {"exception", "localhost"}
    else:
        assert (verdict.domain or "host-only") == symfony.partition(",")[0]


def test_wildcard_dns_names_are_shared_with_strangers_and_their_ip_forms_are_not():
    assert cookies.shared_with_strangers(".sslip.io")
    assert not cookies.shared_with_strangers(".1.2.3.4.sslip.io")
    assert not cookies.shared_with_strangers(".example.com")


def test_the_shortcut_never_disagrees_with_the_list():
    library = PublicSuffixList()
    lines = sorted(cookies._list_lines())
    rules = [
        line.split()[0].lstrip("!").removeprefix("*.") for line in lines if line.strip() and not line.startswith("//")
    ]
    names = [rule.encode("idna").decode() for rule in random.Random(1).sample(rules, 1500)]
    names += [f"app.{name}" for name in names[:500]] + [f"a.b.{name}" for name in names[500:700]]
    names = [name for name in names if "." in name]
    assert len(names) > 1500
    assert [name for name in names if cookies.is_public_suffix(name) != bool(library.is_public(name))] == []


def test_without_the_list_file_the_library_answers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cookies, "_list_lines", frozenset)
    assert cookies.is_public_suffix("co.uk")
    assert not cookies.is_public_suffix("example.co.uk")
