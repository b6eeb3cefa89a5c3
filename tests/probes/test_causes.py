"""What each answer means, without a server: the cookie of a page, CORS, a key that is refused."""

from collections.abc import Callable
from dataclasses import replace

import jwt
import pytest
from strangers import ID, KEY, MARK, RING, SPEC, URL, target

from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.hub.fetch import FetchError, Reply
from mercure_deploy.probes import cookie, cors, keys, requests, several, strangers
from mercure_deploy.probes.engine import Asking, Known
from mercure_deploy.spec import Hub


def replies(*said: Reply | FetchError) -> Callable[..., Reply]:
    """One after another, the last one for ever."""
    left = list(said)

    def fetch(*_: object, **__: object) -> Reply:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, FetchError):
            raise found
        return found

    return fetch


def setting(cookie: str) -> Reply:
    return Reply(200, {}, "", (cookie,))


def signed(key: str = KEY, algorithm: str = "HS256", **claims: object) -> str:
    said = {"exp": 4e9, "mercure": {"subscribe": ["x"]}, **claims}
    return jwt.encode(said, key, algorithm=algorithm)


SCOPED = "Path=/.well-known/mercure; Domain=example.com; Secure"
RIGHT = f"mercureAuthorization={signed()}; {SCOPED}"
PAGE = "https://app.example.com/"
STRANGERS = "<script>const s = new EventSource(u);</script>"
GONE = FetchError("connect", "nothing listens")
COOKIES: dict[str, tuple[tuple[Reply | FetchError, ...], str | None, str]] = {
    "right": ((setting(RIGHT),), None, "its token is taken"),
    "after a way": ((Reply(302, {"location": "/login?x=y"}, ""), setting(RIGHT)), None, "is taken"),
    "to elsewhere": ((Reply(302, {"location": "https://sso.example.org/"}, ""),), "credentials-not-sent", "no cookie"),
    "round and round": ((Reply(302, {"location": "/"}, ""),), "credentials-not-sent", "no cookie"),
    "away": ((GONE,), None, "nothing listens"),
    "an error": ((Reply(500, {}, ""),), None, "answers 500"),
    "as a stranger": ((Reply(200, {}, STRANGERS),), "anonymous-off", "opens its stream as a stranger"),
    "with credentials, and no cookie": (
        (Reply(200, {}, STRANGERS.replace("(u)", "(u, {withCredentials: true})")),),
        "credentials-not-sent",
        "no cookie",
    ),
    "another cookie": ((setting("session=x"),), "credentials-not-sent", "no cookie"),
    "another name": ((setting(f"mercure_access_token={signed()}; {SCOPED}"),), "credentials-not-sent", "looks at"),
    "another domain": (
        (setting(f"mercureAuthorization=x; {SCOPED.replace('example.com', 'other.com')}"),),
        "cookie-scope",
        "not the page's",
    ),
    "no domain": ((setting("mercureAuthorization=x; Path=/"),), "cookie-scope", "no Domain"),
    "below": ((setting("mercureAuthorization=x; Domain=app.example.com"),), "cookie-scope", "not to hub.example.com"),
    "another path": (
        (setting("mercureAuthorization=x; Domain=example.com; Path=/hub"),),
        "cookie-scope",
        "Path=/hub is not the hub's",
    ),
    "strict without": (
        (setting("mercureAuthorization=x; Domain=example.com; SameSite=None"),),
        "cookie-scope",
        "without Secure",
    ),
    "no token": ((setting(f"mercureAuthorization=x; {SCOPED}"),), "jwt-key-confusion", "no token"),
    "another key": (
        (setting(f"mercureAuthorization={signed('o' * 64)}; {SCOPED}"),),
        "key-mismatch",
        "no key of this environment",
    ),
    "another algorithm": (
        (setting(f"mercureAuthorization={signed(algorithm='HS512')}; {SCOPED}"),),
        "alg-mismatch",
        "signed with HS512",
    ),
    "ended": ((setting(f"mercureAuthorization={signed(exp=100)}; {SCOPED}"),), "token-lifecycle", "has ended"),
    "no topic": (
        (setting(f"mercureAuthorization={signed(mercure={'publish': ['*']})}; {SCOPED}"),),
        "topic-claim-mismatch",
        "no topic",
    ),
    "of a hub 1.0": (
        (
            setting(
                "mercureAuthorization="
                + signed(mercure=None, authorization_details=[1, {"actions": ["subscribe"], "topics": [{}]}])
                + f"; {SCOPED}"
            ),
        ),
        None,
        "is taken",
    ),
}


@pytest.mark.parametrize("name", COOKIES)
def test_the_cookie_of_a_page(monkeypatch: pytest.MonkeyPatch, name: str):
    said, id_, words = COOKIES[name]
    monkeypatch.setattr(cookie, "fetch", replies(*said))
    env = SPEC.environments["production"]
    seen = cookie.page(Asking(target(env=env, hub=env.hub, keys=RING.keys, page=PAGE)), None)
    text = seen.evidence + "".join(each.what for each in seen.findings)
    assert ([each.id for each in seen.findings][:1] or [None], words in text) == ([id_], True), seen
    assert seen.outcome == ("pass" if "taken" in words else "fail")


def test_a_page_with_a_token_while_strangers_are_let_in(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cookie, "fetch", replies(setting(RIGHT)))
    ask = Asking(target(keys=RING.keys, page=PAGE))
    ask.known.first = Reply(200, {"content-type": "text/event-stream"}, "")
    seen = cookie.page(ask, None)
    assert ([each.id for each in seen.findings], seen.outcome) == (["anonymous-private-mix"], "warn")


def test_a_cookie_that_is_secure_for_a_hub_on_http(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cookie, "fetch", replies(setting(RIGHT)))
    plain = Hub.model_validate({"url": "http://hub.example.com"})
    seen = cookie.page(Asking(target(hub=plain, page=PAGE)), None)
    assert seen.findings[0].what.endswith("browsers block it (mixed content)")
    seen = cookie.page(Asking(target(hub=plain, page="http://app.example.com/")), None)
    assert "it is Secure, and the page is on http" in seen.findings[0].what
    assert cookie.page(Asking(target()), None).outcome == "skip"


PLAIN = {"content-type": "text/plain; charset=utf-8"}
LET_IN = Reply(401, {**PLAIN, "access-control-allow-origin": "https://app.example.com"}, "Unauthorized")
CREDENTIALS = {**LET_IN.headers, "access-control-allow-credentials": "true"}
CORS: dict[str, tuple[Reply | FetchError, Reply | FetchError, str | None]] = {
    "right": (Reply(204, CREDENTIALS, ""), replace(LET_IN, headers=CREDENTIALS), None),
    "no credentials": (Reply(204, CREDENTIALS, ""), LET_IN, "cors-origin-mismatch"),
    "a preflight of a proxy": (Reply(204, {}, ""), replace(LET_IN, headers=CREDENTIALS), "cors-origin-mismatch"),
    "twice": (
        Reply(204, {}, ""),
        replace(LET_IN, headers={**PLAIN, "access-control-allow-origin": "a, b"}),
        "cors-origin-mismatch",
    ),
    "a star": (
        Reply(204, {}, ""),
        replace(LET_IN, headers={**PLAIN, "access-control-allow-origin": "*"}),
        "cors-wildcard-credentials",
    ),
    "another": (
        Reply(204, {}, ""),
        replace(LET_IN, headers={**PLAIN, "access-control-allow-origin": "null"}),
        "cors-origin-mismatch",
    ),
    "an error": (Reply(204, {}, ""), Reply(502, {"content-type": "text/html"}, ""), "proxy-not-routing"),
    "away": (GONE, LET_IN, "proxy-not-routing"),
}


@pytest.mark.parametrize("name", CORS)
def test_what_a_page_of_another_origin_gets(monkeypatch: pytest.MonkeyPatch, name: str):
    preflight, plain, id_ = CORS[name]
    monkeypatch.setattr(
        requests, "fetch", lambda method, *_, **__: replies(preflight if method == "OPTIONS" else plain)()
    )
    asked_by = (parse_origin("https://app.example.com"), URL)
    seen = cors.origin(Asking(target(pages=(asked_by,))), "https://app.example.com")
    assert ([each.id for each in seen.findings] or [None]) == [id_]
    monkeypatch.setattr(requests, "fetch", replies(GONE))
    assert cors.stranger(Asking(target()), None).outcome == "skip"
    monkeypatch.setattr(
        requests, "fetch", replies(replace(LET_IN, headers={**PLAIN, "access-control-allow-origin": "*"}))
    )
    assert cors.stranger(Asking(target()), None).findings[0].id == "cors-wildcard-credentials"


@pytest.mark.parametrize(
    ("state", "words", "outcome"),
    [
        ("current", "refused for both roles", "fail"),
        ("staged", "is not known to the hub yet", "warn"),
        ("retiring", "is refused already", "warn"),
    ],
)
def test_a_key_that_is_refused_has_the_state_that_it_is_in(
    monkeypatch: pytest.MonkeyPatch, state: str, words: str, outcome: str
):
    refused = Reply(401, PLAIN, "Unauthorized\n")
    monkeypatch.setattr(requests, "publish", lambda *_: refused)
    monkeypatch.setattr(requests, "subscribe", lambda *_, **__: refused)
    env = SPEC.environments["production"]
    known = replace(RING.current, state=state)
    seen = keys.key(Asking(target(env=env, hub=env.hub, keys=(known,))), known.fingerprint)
    assert (seen.outcome, words in seen.findings[0].what) == (outcome, True), seen


METADATA = 'Bearer resource_metadata="https://hub.example.com/.well-known/oauth-protected-resource/hub"'
MODERN: dict[str, tuple[Known, str]] = {
    "its metadata": (Known(generation="1.0", metadata={"resource": "https://else.example.com/x"}), "audience-mismatch"),
    "its header": (
        Known(Reply(401, {"www-authenticate": METADATA}, ""), generation="1.0", metadata={}),
        "audience-mismatch",
    ),
    "neither": (
        Known(
            Reply(401, PLAIN, "Unauthorized\n"),
            generation="1.0",
            metadata={"authorization_servers": ["https://idp.example.com"], "resource": URL},
        ),
        "key-mismatch",
    ),
}


@pytest.mark.parametrize("name", MODERN)
def test_a_hub_that_wants_another_audience(monkeypatch: pytest.MonkeyPatch, name: str):
    known, id_ = MODERN[name]
    refused = Reply(401, PLAIN, "Unauthorized\n")
    monkeypatch.setattr(requests, "publish", lambda *_: refused)
    monkeypatch.setattr(requests, "subscribe", lambda *_, **__: refused)
    seen = keys.key(Asking(target(keys=RING.keys), known), MARK)
    assert [each.id for each in seen.findings] == [id_]


def test_the_name_of_the_cookie_that_a_hub_says(monkeypatch: pytest.MonkeyPatch):
    right, refused = Reply(200, {"content-type": "text/event-stream"}, ""), Reply(401, PLAIN, "Unauthorized\n")
    monkeypatch.setattr(requests, "publish", lambda *_: Reply(200, {}, ID))
    monkeypatch.setattr(requests, "subscribe", lambda _ask, _text, _topics, headers=None: refused if headers else right)
    seen = keys.key(Asking(target(keys=RING.keys), Known(metadata={"mercure_cookie": "mine"})), MARK)
    assert "its cookie is mine" in seen.findings[0].hint
    monkeypatch.setattr(requests, "publish", replies(GONE))
    assert strangers.strangers(Asking(target()), None).outcome == "skip"


def of_hub(name: str, status: int) -> Reply:
    return Reply(status, {"mercure-deploy-hub": name} if name else {}, "")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (("a", 200, "b", 200, "c", 200), None),
        (("a", 200, "b", 401, "c", 200), "1 of 3 hubs that answered refuse the key"),
        (("a", 200, "b", 200), "2 of 3 hubs were heard in 15 answers"),
        # all of them refuse: that is the key's own matter
        (("a", 401, "b", 401, "c", 401), None),
    ],
)
def test_which_of_several_hubs_differ(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[str | int, ...], said: str | None
):
    turns = [of_hub(str(name), int(status)) for name, status in zip(answers[::2], answers[1::2], strict=True)]
    monkeypatch.setattr(requests, "fetch", replies(*turns * 15))
    hub = Hub.model_validate({"url": "https://hub.example.com", "replicas": 3})
    found = several.refusing(Asking(target(hub=hub, keys=RING.keys)), RING.current)
    assert (found.what if found else "").find(said or "") >= 0
    assert (found is None) == (said is None)


def test_one_hub_is_not_asked_again():
    assert several.refusing(Asking(target(keys=RING.keys)), RING.current) is None
