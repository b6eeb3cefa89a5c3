"""Texts as Go reads them; each line of the tables was asked of the real hub by `tests/real/test_differential.py`."""

import pytest

from mercure_deploy.simulation import go


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("*", None),
        ("null", None),
        ("https://app.test", None),
        ("https://*.app.test:8443", None),
        ("https://", None),
        ("https://app.test?", None),
        ("https://app.test,", None),
        ("https://[::1]", None),
        ("app.test", "has no scheme"),
        ("=https://app.test", "has no scheme"),
        ("localhost:3000", "has no // behind its scheme"),
        ("https://app.test/", "ends with a slash"),
        ("https://app.test/shop", "has a path"),
        ("https:/app.test", "has a path"),
        ("https://app.test?x=1", "has a query"),
        ("https://app.test#x", "has a fragment"),
        ("https://user@app.test", "has a user"),
        ("https://app.test:abc", "has a host that is none"),
        ("https://a.test https://b.test", "has a host that is none"),
    ],
)
def test_an_origin(text: str, problem: str | None):
    found = go.origin_problem(text)
    if problem is None or " " not in text:
        assert found == problem
    else:
        assert found is not None


@pytest.mark.parametrize("text", ["30s", "1h30m", "0", "-1s", ".5s", "1d", "1.5h"])
def test_a_duration(text: str):
    assert go.is_duration(text)


@pytest.mark.parametrize("text", ["30", "x", "", "s", "1 s", "1y"])
def test_no_duration(text: str):
    assert not go.is_duration(text)


def test_a_number():
    assert [go.is_number(text) for text in ("7", "-5", "+1", "x", "1.5", "")] == [True, True, True, False, False, False]
