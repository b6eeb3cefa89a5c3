"""What is out of the ordinary is found, with its cause, count and line; a log that is as it should be has nothing."""

import random
from collections.abc import Callable

import logs
import pytest
from logs import BEGIN, Log
from test_counting import tallied

from mercure_deploy.audit import Anomaly, Known, anomalies
from mercure_deploy.audit.rules import length, shortened
from mercure_deploy.facts.hubs import HUB_PATH

HOUR = 3600.0
# after the last publish and the last stream of a usual log, and not so long after that it were a silence
LATE = 6 * HOUR + 610


def found_in(log: Log, known: Known | None = None) -> list[Anomaly]:
    return anomalies(tallied(log.text, known))


def ids(log: Log, known: Known | None = None) -> list[tuple[str, str]]:
    """(id, level) of all that is found."""
    return [(each.finding.id, each.finding.level) for each in found_in(log, known)]


@pytest.mark.parametrize("version", ["0.24", "1.0"])
def test_nothing_is_found_where_nothing_is_wrong(version: str):
    for seed in range(150):
        chance = random.Random(seed)
        log = Log(version).usual(seed, chance.choice([0.2, 3, 30]), chance.choice([1, 10, 100]))
        for _ in range(chance.randint(0, 20)):
            log.add("preflight", chance.uniform(0, HOUR))
            log.add("probe", chance.uniform(0, HOUR), uri=chance.choice(["/", "/favicon.ico", "/robots.txt"]))
        # a page that was away, whose cookie had ended, and that renews it; somebody who opens the hub's address
        for _ in range(chance.randint(0, 6)):
            client, at = f"203.0.113.{chance.randint(1, 250)}", chance.uniform(HOUR, 2 * HOUR)
            log.stream(at - 300, chance.uniform(1, 299), client)
            log.add("subscription-refused", at, client)
            log.stream(at + 2, chance.uniform(1, 500), client)
        log.add("robot", chance.uniform(0, HOUR))
        assert ids(log) == [], seed


def publishes_refused(log: Log) -> tuple[int, int]:
    for number in range(7):
        log.add("publish-refused", LATE + number)
    return 7, log.number("publish-refused", LATE)


def one_publisher_refused(log: Log) -> tuple[int, int]:
    for number in range(9):
        log.add("publish-refused", 2 * HOUR + number * 60, "192.0.2.200")
    return 9, log.number("publish-refused", 2 * HOUR)


def refused_for_a_while(log: Log) -> tuple[int, int]:
    for number in range(9):
        log.add("publish-refused", LATE + number)
    log.add("published", LATE + 60)
    return 9, log.number("publish-refused", LATE)


def pages_that_do_not_renew(log: Log) -> tuple[int, int]:
    for number in range(5):
        client = f"203.0.113.{number}"
        log.stream(HOUR + number, 600, client)
        log.add("subscription-refused", HOUR + 605 + number, client)
    return 5, log.number("subscription-refused", HOUR + 605)


def every_subscription_refused(log: Log) -> tuple[int, int]:
    for number in range(8):
        log.add("subscription-refused", LATE + number, f"203.0.113.{number}")
    return 8, log.number("subscription-refused", LATE)


def one_client_again_and_again(log: Log) -> tuple[int, int]:
    for number in range(40):
        log.add("subscription-refused", HOUR + 3 * number, "203.0.113.9")
    return 40, log.number("subscription-refused", HOUR)


def a_robot(log: Log) -> tuple[int, int]:
    for number in range(40):
        log.add("robot", HOUR + 3 * number, "203.0.113.9")
    return 40, log.number("robot", HOUR)


def a_strangers_pages(log: Log) -> tuple[int, int]:
    kind = "stream-of-a-stranger"
    for number in range(4):
        log.add(kind, HOUR + number, "203.0.113.9", duration=3)
    return 4, log.number(kind, HOUR)


def pages_without_cookie(log: Log) -> tuple[int, int]:
    for number in range(4):
        log.add("page-without-cookie", HOUR + number, f"203.0.113.{number}")
    return 4, log.number("page-without-cookie", HOUR)


def apps_without_key(log: Log) -> tuple[int, int]:
    for number in range(4):
        log.add("publish-without-token", HOUR + number, "192.0.2.77")
    return 4, log.number("publish-without-token", HOUR)


def cut(seconds: int) -> Callable[[Log], tuple[int, int]]:
    def plant(log: Log) -> tuple[int, int]:
        chance = random.Random(seconds)
        for number in range(150):
            log.stream(HOUR + 60 * number, seconds + chance.uniform(0.02, 0.4), f"203.0.113.{number}")
        return 150, 0

    return plant


def a_token_in_the_url(log: Log) -> tuple[int, int]:
    uri = f"{HUB_PATH}?topic=a&authorization=eyJhbGciOiJIUzI1NiJ9.eyJtZXJjdXJlIjp7fX0.c2lnbmF0dXJl"
    for number in range(3):
        log.add("stream", HOUR + number, uri=uri, duration=5)
    return 3, log.number("stream", HOUR)


def tokens_in_headers(log: Log) -> tuple[int, int]:
    for number in range(3):
        log.stream(HOUR + number, 3, f"203.0.113.{number}")
        headers = log.lines[-1]["request"]["headers"]
        log.lines[-1]["request"]["headers"] = {**headers, "Cookie": ["a=b; mercureAuthorization=eyJhbGciOi.eyJh.c2ln"]}
    return 3, 0


def somebody_tries_doors(log: Log) -> tuple[int, int]:
    log.add("door", HOUR)
    for number, path in enumerate(["/.env", "/.git/config", "/wp-login.php"]):
        log.add("probe", HOUR + 1 + number, uri=path)
    return 1, log.number("door", HOUR)


def an_open_door(log: Log) -> tuple[int, int]:
    log.add("door", HOUR, status=200)
    return 1, 0


def the_hub_fails(log: Log) -> tuple[int, int]:
    for number in range(4):
        log.add("published", HOUR + number, status=500)
    return 4, 0


def nobody_behind(log: Log) -> tuple[int, int]:
    for number in range(4):
        log.add("published", HOUR + number, status=502)
    return 4, 0


def anonymous_streams(log: Log) -> tuple[int, int]:
    log.kinds["anonymous"] = {**log.kinds["page-without-cookie"], "status": 200}
    for number in range(3):
        log.add("anonymous", HOUR + number, duration=3)
    return 3, 0


def a_long_silence(log: Log) -> tuple[int, int]:
    for line in log.lines:
        if line["ts"] > BEGIN + 3 * HOUR:
            line["ts"] += 5 * HOUR
    return 1, 0


def a_path_that_is_none(log: Log) -> tuple[int, int]:
    for number in range(3):
        uri = "/hub/.well-known/mercure?topic=a"
        log.add("page-without-cookie", HOUR + number, uri=uri, status=404)
    return 3, 0


PLANTED = {
    publishes_refused: ("key-mismatch", "error"),
    one_publisher_refused: ("key-mismatch", "error"),
    refused_for_a_while: ("key-mismatch", "warning"),
    pages_that_do_not_renew: ("token-lifecycle", "error"),
    every_subscription_refused: ("key-mismatch", "error"),
    one_client_again_and_again: ("token-lifecycle", "warning"),
    a_robot: ("anonymous-off", "warning"),
    a_strangers_pages: ("cors-origin-mismatch", "error"),
    pages_without_cookie: ("credentials-not-sent", "warning"),
    apps_without_key: ("key-missing", "warning"),
    cut(30): ("proxy-timeout-buffering", "warning"),
    cut(60): ("proxy-timeout-buffering", "warning"),
    cut(100): ("proxy-timeout-buffering", "warning"),
    cut(300): ("proxy-timeout-buffering", "warning"),
    a_token_in_the_url: ("secret-exposure", "error"),
    tokens_in_headers: ("secret-exposure", "error"),
    somebody_tries_doors: ("anonymous", "note"),
    an_open_door: ("anonymous", "warning"),
    the_hub_fails: ("storage-permissions", "error"),
    nobody_behind: ("proxy-not-routing", "error"),
    anonymous_streams: ("anonymous", "warning"),
    a_long_silence: ("proxy-not-routing", "warning"),
    a_path_that_is_none: ("public-url-wrong", "error"),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__qualname__.partition(".")[0])
def test_what_is_planted_is_found_and_nothing_else(plant: Callable[[Log], tuple[int, int]]):
    for seed in range(10):
        log = Log().usual(seed)
        count, line = plant(log)
        (found,) = found_in(log)
        assert (found.finding.id, found.finding.level) == PLANTED[plant], seed
        assert abs(found.count - count) <= count // 10, (seed, found)
        assert found.first <= found.last
        assert found.finding.place is not None
        assert (found.finding.line or 0) > 0
        assert line in {0, found.finding.line}


def test_what_the_hub_says_of_tokens_goes_before_what_is_concluded():
    said = {
        "token is expired": "token-lifecycle",
        "invalid JWT: signing method HS256 is invalid": "alg-mismatch",
        "unsupported topic not granted to the token": "topic-claim-mismatch",
        '"https://x": origin not allowed to post updates': "cors-origin-mismatch",
        "token signature is invalid: signature is invalid": "key-mismatch",
    }
    for words, identity in said.items():
        log = Log().usual(3)
        for number in range(6):
            log.add("publish-refused", LATE + number)
            log.add("restarted", LATE + number, logger="http.handlers.mercure", msg="Authorization error", error=words)
        assert ids(log) == [(identity, "error")], words


def test_a_spec_knows_what_may_be():
    log = Log().usual(5)
    anonymous_streams(log)
    assert ids(log, Known(anonymous=True)) == [("anonymous", "note")]
    stranger = Log().usual(5)
    assert ids(stranger, Known(origins=lambda origin: origin != "https://app.example.com")) == [
        ("cors-origin-mismatch", "error")
    ]
    ends = Log().usual(5)
    cut(60)(ends)
    assert ids(ends, Known(lifetime=60.0)) == []
    here = Log().usual(5)
    a_path_that_is_none(here)
    assert ids(here, Known(paths=("/hub/.well-known/mercure", HUB_PATH))) != [("public-url-wrong", "error")]


def test_a_publish_at_a_path_of_ones_own_counts():
    log = Log()
    for number in range(5):
        log.add("published", number, uri="/mercure")
        log.stream(number, 4, uri="/mercure?topic=a")
    tally = tallied(log.text, Known(paths=("/mercure", HUB_PATH)))
    assert (tally.publishers.accepted, tally.subscribers.accepted) == (5, 5)
    tally = tallied(log.text, Known(paths=(HUB_PATH, "/mercure")))
    assert (tally.publishers.accepted, tally.subscribers.accepted, sum(tally.lengths())) == (5, 5, 5)


def test_a_stream_that_was_asked_for_by_query_is_one():
    """Hub 1.0 takes the matchers of a subscription in the body of a QUERY, too."""
    log = Log("1.0")
    for number in range(4):
        log.add("stream", number, uri=HUB_PATH, method="QUERY", duration=30)
    tally = tallied(log.text)
    assert (tally.subscribers.accepted, sum(tally.lengths())) == (4, 4)


def test_hub_1_0_says_which_topic_was_not_granted():
    log = Log("1.0").usual(2)
    for number in range(3):
        log.add("publish-elsewhere", HOUR + number)
    (found,) = found_in(log)
    assert (found.finding.id, found.count) == ("topic-claim-mismatch", 3)
    assert tallied(log.text).challenges == {"insufficient_scope": 3}


def test_a_publisher_among_others_of_one_address_is_found():
    log = Log()
    for number in range(60):
        log.add("publish-refused" if number % 3 == 0 else "published", number, "10.0.0.1")
    (found,) = found_in(log)
    assert (found.finding.id, found.finding.level, found.count) == ("key-mismatch", "error", 20)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::77", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", "an unknown address"),
        ("evil\x1b[31m", "an address that is none"),
    ],
)
def test_an_address_is_shown_without_what_tells_visitors_apart(address: str, shown: str):
    assert shortened(address) == shown


def test_lengths_are_said_as_people_do():
    said = {0.25: "0.2 s", 5: "5.0 s", 40: "40 s", 90: "2 min", 3600: "1 h", 3900: "1 h 5 min", 200_000: "55 h"}
    assert {seconds: length(seconds) for seconds in said} == said


def test_the_made_lines_are_recorded_ones():
    assert set(logs.recorded("0.24")) > set(logs.recorded("1.0"))
