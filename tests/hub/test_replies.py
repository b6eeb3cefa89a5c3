"""What it means that nothing answers, or not as it should."""

import ssl

import httpx
import pytest

from mercure_deploy.hub import replies
from mercure_deploy.hub.fetch import LATE, FetchError, Reply, failure

URL = "https://hub.example.com"
MEANT = {
    "wrong version number": "tls-mode-mismatch",
    "tlsv1 alert internal error": "server-name-mismatch",
    "tlsv1 unrecognized name": "server-name-mismatch",
    "handshake failed": "tls-untrusted-publish",
}


@pytest.mark.parametrize("text", MEANT)
def test_an_alert_of_tls_has_its_cause(text: str):
    assert replies.of_error(FetchError("tls", text), URL).id == MEANT[text]


def refused(reason: str) -> Exception:
    """As the library raises what OpenSSL says of a handshake."""
    error, below = httpx.ConnectError("tls"), ssl.SSLError(1, reason)
    below.reason = reason
    error.__cause__ = below
    return error


@pytest.mark.parametrize(
    ("error", "part", "said"),
    [
        (httpx.ProxyError("407"), "connect", "it was refused"),
        (httpx.ConnectTimeout("late"), "connect", LATE),
        (httpx.RemoteProtocolError("illegal status line"), "answer", "what answers there is not HTTP"),
        (httpx.ReadError("gone"), "answer", "the connection was cut"),
        (refused("NO_SHARED_CIPHER"), "tls", "no shared cipher"),
    ],
)
def test_an_error_of_the_library_says_what_failed(error: Exception, part: str, said: str):
    found = failure(error)
    assert (found.part, str(found)) == (part, said)


def test_a_hub_without_a_key_for_publishers():
    own = {"content-security-policy": "default-src 'self'", "x-frame-options": "DENY", "server": "Caddy"}
    found = replies.of_answer(Reply(405, own, ""), URL, published=True)
    assert found is not None
    assert found.id == "key-missing"
    # who asks for a stream is answered by somebody else
    for reply, published in ((Reply(405, own, ""), False), (Reply(405, {}, ""), True), (Reply(405, own, "no"), True)):
        other = replies.of_answer(reply, URL, published=published)
        assert other is not None
        assert other.id == "proxy-not-routing"
