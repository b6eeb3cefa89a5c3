"""A mercure block, word by word: what the hub takes, passes over and refuses."""

import pytest

from mercure_deploy.findings import Place
from mercure_deploy.readers.caddyfile import lines_of
from mercure_deploy.readers.places import Value
from mercure_deploy.simulation.block import Taken, take


def taken(text: str) -> Taken:
    return take(lines_of(Value(text, Place("Caddyfile", 1))))


def test_words_need_no_lines_of_their_own():
    found = taken("demo anonymous\nheartbeat 30s subscriptions\nno_such cors_origins https://a.test https://b.test")
    assert found.flags == {"demo", "anonymous", "subscriptions"}
    assert [word.text for word in found.values["cors_origins"]] == ["https://a.test", "https://b.test"]
    assert [(word.text, before) for word, before in found.passed_over] == [("no_such", None)]
    assert found.refused == []


def test_the_last_line_counts_and_the_first_is_not_looked_at():
    found = taken("cors_origins https://a.test/\ncors_origins https://b.test")
    assert [word.text for word in found.values["cors_origins"]] == ["https://b.test"]
    assert [word.text for word in found.twice] == ["https://a.test/"]
    assert found.refused == []


def test_an_algorithm_stays_where_a_later_line_has_a_key_alone():
    found = taken("publisher_jwt one HS512\npublisher_jwt two")
    assert [word.text for word in found.values["publisher_jwt"]] == ["two", "HS512"]


def test_what_is_inside_an_unknown_block_is_taken_all_the_same():
    found = taken("issuer https://a.test {\n\tanonymous\n\tother x\n}\n")
    assert found.flags == {"anonymous"}
    assert [word.text for word, _ in found.passed_over] == ["issuer"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("heartbeat", "heartbeat without a value"),
        ("heartbeat 30", "heartbeat wants a duration"),
        ("topic_selector_cache x", "topic_selector_cache wants a number"),
        ("subscriber_list_cache_size -5", "subscriber_list_cache_size is below 0"),
        ("protocol_version_compatibility 8", "8: hub 0.24 does not start"),
        ("transport redis", "there is no transport redis"),
        ("transport bolt://x", "transport takes the name of a module, not a URL"),
        ("transport bolt {\n\tsize many\n}", "size wants a number"),
        ("transport bolt {\n\tpath\n}", "path without a value"),
        ("cors_origins app.test", "is no origin: it has no scheme"),
        ("cors_origins https://app.test/", "ends with a slash"),
        ("cors_origins https://app.test/shop", "has a path"),
        ("cors_origins https://a.test anonymous", "anonymous stands on the line of cors_origins"),
        ("cors_origins https://a.test\\nanonymous", "holds \\n as two characters"),
        ("cors_origins https://a.test,https://b.test", "has a comma"),
        ("cors_origins 'https://a.test'", "is one origin with quotes around it"),
        ('cors_origins "https://a.test https://b.test"', "is one origin, as quotes are around all of them"),
        ("{", "is a brace that opens or closes nothing here"),
    ],
)
def test_what_keeps_it_from_starting(line: str, what: str):
    [finding] = taken(line).refused
    assert finding.what.startswith(what)


@pytest.mark.parametrize("line", ["heartbeat {$HEARTBEAT}", "cors_origins {$ORIGIN}", "cors_origins https://<masked>"])
def test_what_no_file_says_is_not_judged(line: str):
    assert taken(line).refused == []
