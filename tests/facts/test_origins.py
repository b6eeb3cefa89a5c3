"""Origins: what is one, what is not, and the one form in which it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mercure_deploy.facts.origins import Origin, WildcardError, parse_origin


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://Hub.Example.COM", "https://hub.example.com"),
        ("https://hub.example.com/", "https://hub.example.com"),
        ("https://hub.example.com:443", "https://hub.example.com"),
        ("http://hub.example.com:443", "http://hub.example.com:443"),
        ("HTTP://localhost:8080", "http://localhost:8080"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://a-b.example", "https://a-b.example"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(text: str, written: str):
    assert str(parse_origin(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "", "hub.example.com", "//hub.example.com", "ftp://a.example", "https://", "https:///x", "https://a.example/x",
        "https://a.example?x", "https://a.example#x", "https://u@a.example", "https://u:p@a.example", "https://a.example:",
        "https://a.example:0", "https://a.example:65536", "https://a.example:8x", "https://a..example", "https://.example",
        "https://a.example.", "https://a_b.example", "https://-a.example", "https://a-.example",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 130}example", "https://0x7f.1", "https://2130706433", "https://010.0.0.1", "https://1.2.3",
        "https://256.1.1.1",
        "https://[::1", "https://[zz]", "https://a b.example", "https://a.example\nrespond", "https://a.example{", "https://a$b.example",
        "https://xn--a.example", "https://\u2028.example", "https://a\u00ad.b c",
        "https://\u0300a.example", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_origin(text: str):
    with pytest.raises(ValueError, match=r"^[a-z*]"):
        parse_origin(text)


def test_wildcards():
    assert str(parse_origin("https://*.example.com", wildcard=True)) == "https://*.example.com"
    for text in ("*", "https://*", " * "):
        with pytest.raises(WildcardError):
            parse_origin(text, wildcard=True)
    with pytest.raises(WildcardError):
        parse_origin("https://*.example.com")
    for text in ("https://*.com", "https://a.*.example.com", "https://*a.example.com", "https://*.1.2.3.4"):
        with pytest.raises(ValueError, match=r"^[a-z*]"):
            parse_origin(text, wildcard=True)


def test_the_path_of_the_hub_is_dropped_where_it_is_allowed():
    for end in ("", "/"):
        assert str(parse_origin(f"https://a.example/x/y{end}", drop_path="/x/y")) == "https://a.example"
    with pytest.raises(ValueError, match="without a path"):
        parse_origin("https://a.example/x/yz", drop_path="/x/y")


@pytest.mark.parametrize(
    ("host", "ip", "local"),
    [
        ("127.0.0.1", True, True),
        ("::1", True, True),
        ("10.0.0.1", True, False),
        ("localhost", False, True),
        ("a.localhost", False, True),
        ("example.com", False, False),
        ("a1", False, False),
    ],
)
def test_addresses_and_this_machine(host: str, ip: bool, local: bool):
    assert (Origin("https", host).is_ip, Origin("https", host).is_local) == (ip, local)


@given(st.text(max_size=30).map(lambda text: f"https://{text}"))
def test_whatever_is_accepted_is_harmless_and_stable(text: str):
    try:
        origin = parse_origin(text, wildcard=True)
    except ValueError:
        return
    written = str(origin)
    assert parse_origin(written, wildcard=True) == origin
    assert not set(written) & set(" \t\n\"'`\\{}$#<>")
    assert written.isascii()
