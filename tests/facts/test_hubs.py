"""What images, paths and lines of a mercure block are, for each generation."""

import pytest

from mercure_deploy.facts.claims import topic_lists
from mercure_deploy.facts.hubs import below, directive_problems, image_problem, matched, release
from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.facts.quoting import dotenv, uncarried


@pytest.mark.parametrize(
    ("image", "tells"),
    [
        ("dunglas/mercure:v0.24.2", "v0.24.2"),
        ("dunglas/mercure:latest", None),
        ("dunglas/frankenphp:1.12.2-php8.4", "0.22"),
        ("dunglas/frankenphp:1.12.3", "0.24"),
        ("dunglas/frankenphp:1.13.0", None),
        ("dunglas/frankenphp:php8.4", None),
        ("registry.example.com/app:v0.24.2", None),
    ],
)
def test_an_image_tells_the_release_of_its_hub_or_nothing(image: str, tells: str | None):
    assert release(image) == tells


def test_an_image_of_another_name_is_not_judged_by_its_number():
    assert image_problem("registry.example.com/hub:v0.19.1", "0.24") is None
    assert image_problem("registry.example.com/mercure:v0.19.1", "0.24") == "is a hub of generation 0.19, not 0.24"
    with pytest.raises(ValueError, match="no image reference"):
        image_problem("no image", "0.24")


def test_a_colon_behind_a_directive_is_told_as_such():
    said = list(directive_problems(["heartbeat: 40s"], "0.24"))
    assert said == [(0, "heartbeat has a colon", "write it as in a Caddyfile: heartbeat 40s")]


def test_paths_are_compared_by_segments_and_patterns_that_nobody_can_read_match_nothing():
    assert below("/.well-known")
    assert below("/")
    assert not below("/.well")
    assert matched(r"^/\.well-known/")
    assert not matched("(")


def test_a_claim_of_a_hub_024_that_is_no_mapping_has_no_topics():
    assert topic_lists({"mercure": {"publish": ["*"], "payload": {"a": 1}}}, "0.24") == [["*"]]
    assert topic_lists({"mercure": "*"}, "0.24") == []
    assert topic_lists({"authorization_details": [{"topics": ["*"]}, "x", {"topics": 1}]}, "1.0") == [["*"]]


def test_an_address_in_brackets_is_one_of_ipv6():
    assert str(parse_origin("http://[::1]:8080")) == "http://[::1]:8080"
    with pytest.raises(ValueError, match="no IPv6 address"):
        parse_origin("http://[::1::2]")


def test_what_no_env_file_can_hold_is_told():
    with pytest.raises(ValueError, match="control character"):
        dotenv("a\x07b c")
    assert uncarried("a${b} c") == "holds ${, which python-dotenv expands under every quoting"
    assert uncarried("{{team.NAME}}") == "holds {{"
