"""Requests that the hub refused: with another key, with a token that has expired, with none."""

from collections.abc import Callable, Iterator

from mercure_deploy.audit.clients import Client, Clients, Seen
from mercure_deploy.audit.rules import AGAIN, FEW, Anomaly, anomaly, moment, of, span
from mercure_deploy.audit.tally import Tally
from mercure_deploy.errors import many, printable

_DOCTOR = "mercure-deploy doctor says which side is wrong"
# what the hub itself says of the tokens that it refuses -> (finding, in words, what to do)
_REASONS = {
    "expired": (
        "token-lifecycle",
        "because they have expired",
        "renew the cookie before its token ends; a token in a file ends one day",
    ),
    "algorithm": ("alg-mismatch", "for their algorithm", "one algorithm on both sides: keys.algorithm in the spec"),
    "topic": (
        "topic-claim-mismatch",
        "for a topic that they do not grant",
        "list the topics in the token, as in jwt.publish of the bundle's configuration",
    ),
    "post-origin": (
        "cors-origin-mismatch",
        "because pages of their origin may not publish",
        "publish_origins, for pages that publish; apps need none",
    ),
}


def _reason(tally: Tally) -> str | None:
    """Why most tokens were refused, where the hub says so: 1.0 always, 0.24 with debug."""
    said = tally.of("reason")
    refused = tally.publishers.all.total + tally.subscribers.all.total
    most = max(said, key=lambda each: said[each].count, default=None)
    return most if most and said[most].count * 2 > refused else None


@anomaly
def publishes(tally: Tally, address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Publishes with a token that the hub refuses, from a moment on or among others that it takes."""
    clients = tally.publishers
    everybody, reason = clients.all, _reason(tally)
    if reason in _REASONS and everybody.total:
        identity, because, hint = _REASONS[reason]
        seen = tally.of("reason")[reason]
        yield of(seen, "error", identity, f"{many(seen.count, 'token')} refused {because}, {span(seen)}", hint)
        return
    if everybody.run.count >= FEW:
        before = "; they were accepted before" if clients.accepted else ""
        what = (
            f"every publish has been refused since {moment(everybody.run.first)}, {everybody.run.count} so far{before}"
        )
        hint = f"the hub does not trust the key that signs: deploy hub and apps with what one render wrote; {_DOCTOR}"
        yield of(everybody.run, "error", "key-mismatch", what, hint)
        return
    if everybody.longest.count >= FEW + 2:
        what = f"every publish was refused for a while, {span(everybody.longest)}, {everybody.longest.count} of them"
        hint = "a rotation or deployment that went half-way; rotate-keys step by step refuses none"
        yield of(everybody.longest, "warning", "key-mismatch", what, hint)
    left = _left_out(clients)
    for client, run in left:
        what = f"{address(client)} publishes in vain since {moment(run.first)}, {run.count} times, others are accepted"
        hint = f"this app signs with another key, or for topics that its token does not grant; {_DOCTOR}"
        yield of(run, "error", "key-mismatch", what, hint)
    if not left and everybody.total >= FEW + 2 and everybody.longest.count < FEW + 2:
        worst = max(clients.each.values(), key=lambda each: each.total).worst
        what = f"{everybody.total} of {clients.accepted + everybody.total} publishes were refused, among accepted ones"
        hint = "one of several apps signs with another key, or for topics that its token does not grant"
        seen = Seen(everybody.total, worst.first, worst.last, worst.source, worst.line)
        yield of(seen, "error", "key-mismatch", what, hint)


def _left_out(clients: Clients) -> list[tuple[str, Seen]]:
    """Those that are refused to the end while others are accepted, the worst of them."""
    found = [(name, each.run) for name, each in clients.each.items() if each.run.count >= FEW]
    return sorted(found, key=lambda pair: -pair[1].count)[:5]


@anomaly
def scopes(tally: Tally, _address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Tokens that are good, for other topics than what was asked for: hub 1.0 says so."""
    for method, seen in tally.of("scope").items():
        what = (
            f"{seen.count} {'publishes' if method == 'POST' else 'subscriptions'} were refused for a topic that their"
        )
        hint = "list the topics in the token, as in jwt.publish of the bundle's configuration"
        yield of(seen, "error", "topic-claim-mismatch", f"{what} token does not grant, {span(seen)}", hint)


@anomaly
def subscriptions(tally: Tally, address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Subscriptions with a token that the hub refuses: with another key, or when it has expired."""
    clients = tally.subscribers
    open_runs = {name: each for name, each in clients.each.items() if each.run.count}
    fresh = [each for each in open_runs.values() if not each.accepted]
    run = clients.all.run
    if run.count > FEW and len(fresh) >= min(FEW, len(open_runs)) and len(fresh) * 2 >= len(open_runs):
        what = f"every subscription with a token has been refused since {moment(run.first)}, {run.count} so far"
        hint = f"the hub does not trust the key that signs the cookie: deploy hub and apps together; {_DOCTOR}"
        yield of(run, "error", "key-mismatch", what, hint)
        return
    yield from _stale(tally)
    worst = max(clients.each.items(), key=lambda pair: pair[1].worst.count, default=("", Client()))
    if worst[1].worst.count >= AGAIN:
        seen = worst[1].worst
        what = f"{address(worst[0])} was refused {seen.count} times in a row with the same answer, {span(seen)}"
        hint = (
            "a page that was left open, or a client that knows no end: pauses that grow, and a new cookie after a 401"
        )
        yield of(seen, "warning", "token-lifecycle", what, hint)


def _stale(tally: Tally) -> Iterator[Anomaly]:
    """Pages that do not renew their cookie."""
    clients = tally.subscribers.each.values()
    count, renewed = sum(each.left for each in clients), sum(each.renewed for each in clients)
    if count < FEW or count <= renewed:
        return
    runs = sorted((each.worst for each in clients if each.left), key=lambda each: each.first)
    seen = Seen(count, runs[0].first, max(each.last for each in runs), runs[0].source, runs[0].line)
    lifetime = f" (token_lifetime is {tally.known.lifetime:.0f} s)" if tally.known.lifetime else ""
    what = f"{count} times a page lost its stream and was refused when it came back, {span(seen)}{lifetime}"
    hint = (
        "its token had expired: renew the cookie before it ends, and after a 401, as mercure-deploy kit's script does"
    )
    yield of(seen, "error", "token-lifecycle", what, hint)


@anomaly
def without_token(tally: Tally, address: Callable[[str], str]) -> Iterator[Anomaly]:
    """Requests without any token: of pages, of apps, of strangers."""
    for origin, seen in tally.of("without-token").items():
        if seen.count >= FEW:
            what = f"pages of {printable(origin, 80)} ask without a cookie, {seen.count} times, {span(seen)}"
            hint = "new EventSource(url, {withCredentials: true}), and a cookie whose domain reaches the hub"
            yield of(seen, "warning", "credentials-not-sent", what, hint)
    bare = tally.together("bare-POST")
    if bare.count >= FEW:
        what = f"{many(bare.count, 'publish')} came without any token, {span(bare)}"
        yield of(bare, "warning", "key-missing", what, "an app without MERCURE_JWT_SECRET, or strangers that try")
    name, seen = max(tally.of("client").items(), key=lambda pair: pair[1].count, default=("", Seen()))
    if seen.count >= AGAIN and name:
        what = f"{address(name)} was turned away {seen.count} times, {span(seen)}"
        hint = "a robot, or a page without its cookie; a firewall ends it if it is a burden"
        yield of(seen, "warning", "anonymous-off", what, hint)
