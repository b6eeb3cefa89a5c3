"""From lines to numbers: a short way for what is as it should be, a longer one for all else."""

import re
from collections.abc import Sequence
from itertools import groupby

from mercure_deploy.audit.entries import NOTHING, Entry, details, words
from mercure_deploy.audit.readable import Readable
from mercure_deploy.audit.reading import Block
from mercure_deploy.audit.tally import CLIENTS, NAMES, SIZES, SIZES_END, Hour, Tally, size
from mercure_deploy.facts.hubs import DOORS, HUB_PATH

_METHODS = frozenset({"GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "QUERY"})
_TOKEN = re.compile(r"[?&](?:authorization|access_token)=(?!REDACTED)[^&]{20}")
_HIDDEN = re.compile(r"[?&](?:authorization|access_token)=REDACTED")
_DOOR = re.compile(rf"{re.escape(HUB_PATH)}/({'|'.join(sorted(DOORS))})\b|/({'|'.join(sorted(DOORS))})/?$")
# what the hub says of a token, by the end or a part of it: facts/hub.md, section 7
_REASONS = {
    "signature is invalid": "signature",
    "token is expired": "expired",
    "key not found": "signature",
    "signing method": "algorithm",
    "not granted": "topic",
    "posting public updates to topics not listed": "topic",
    "origin not allowed to post updates": "post-origin",
}
# what browsers and watchers of a site ask of every host
_HARMLESS = {
    "/",
    "/favicon.ico",
    "/robots.txt",
    "/apple-touch-icon.png",
    "/health",
    "/healthz",
    "/.well-known/security.txt",
}
# RFC 6750, section 3.1
_CHALLENGES = ("invalid_request", "invalid_token", "insufficient_scope")
# what the hub says of each stream
_USUAL = frozenset({"New subscriber", "Subscriber disconnected"})
# longer URLs and origins are counted, and not kept
_LONGEST = 2000


def count(tally: Tally, block: Block) -> None:
    """Add the lines of a block to what was counted before."""
    first = (1 if block.begins else tally.numbers.get(block.source, 1)) + block.passed
    found = Readable(block, first)
    tally.numbers[block.source] = first + found.count
    tally.lines += found.count + block.passed
    tally.skipped += found.skipped + block.passed
    if found.least < tally.window.since or found.most >= tally.window.until:
        found.within(tally.window.since, tally.window.until)
    if not found.entries:
        return
    least, most = found.least, found.most
    _silences(tally, found, least, most)
    tally.first, tally.last = min(tally.first, least), max(tally.last, most)
    if least // 3600 == most // 3600:
        _Part(tally, int(least // 3600), found).count(range(len(found.entries)))
        return
    times = found.times()
    for hour, some in groupby(range(len(times)), lambda at: int(times[at] // 3600)):
        at = list(some)
        _Part(tally, hour, found).count(range(at[0], at[-1] + 1))


def _silences(tally: Tally, found: Readable, least: float, most: float) -> None:
    """Remember the two longest times without a line."""
    before = tally.last or least
    shortest = tally.gaps[-1][0] if len(tally.gaps) > 1 else 0.0
    if most - min(before, least) <= shortest:
        return
    for at, time in enumerate(found.times()):
        if time - before > shortest:
            tally.gaps.append((time - before, before, found.source, found.number(at)))
            tally.gaps = sorted(tally.gaps, reverse=True)[:2]
            shortest = tally.gaps[-1][0] if len(tally.gaps) > 1 else 0.0
        before = time


def _has_token(uri: str) -> bool:
    return ("authorization=" in uri or "access_token=" in uri) and bool(_TOKEN.search(uri) or _HIDDEN.search(uri))


def _shorten(table: dict[str, int]) -> None:
    """Where there are more names than fit only the most frequent ones stay."""
    if len(table) > 2 * NAMES:
        kept = sorted(table.items(), key=lambda pair: -pair[1])[:NAMES]
        table.clear()
        table.update(kept)


# so many streams of an origin are looked at, each, and from then on one in so many
EACH = 1024
MASK = EACH - 1


class _Part:
    """Some lines of one hour; streams are put into a list, and counted at its end or before a refusal."""

    def __init__(self, tally: Tally, hour: int, found: Readable) -> None:
        self.tally, self.source, self.found = tally, found.source, found
        self.hour: Hour = tally.hour(hour)
        # where the streams are that were not counted yet
        self.streams: list[int] = []

    def count(self, places: range) -> None:
        """Add the lines at these places."""
        entries = self.found.entries[places.start : places.stop]
        publishers, paths = self.tally.publishers, self.tally.known.paths
        path, begin = paths[0], f"{paths[0]}?"
        took, stream = publishers.room().add, self.streams.append
        # those who were refused once: without them nobody is watched
        watched = publishers.each
        published = usual = 0
        for at, entry in enumerate(entries, places.start):
            if entry.status == 200:
                request = entry.request
                if request.method == "POST":
                    if request.uri == path:
                        published += 1
                        took(request.client_ip)
                        if watched:
                            publishers.accept(request.client_ip, entry.ts)
                        continue
                elif request.method == "GET" and request.uri.startswith(begin):
                    stream(at)
                    continue
            elif not entry.status and entry.msg in _USUAL:
                usual += 1
                continue
            self._other(at, entry, paths)
        self._streams()
        self.tally.words += usual
        publishers.accepted += published
        if published:
            self.hour.asked["POST", 200] += published

    def _streams(self) -> None:
        """Add the streams that have ended, before what comes after them."""
        tally, lengths, none, sizes = self.tally, self.hour.lengths, NOTHING, SIZES
        entries, uris, origins, begins, ends = self.found.entries, tally.uris, tally.origins, tally.begins, tally.ends
        subscribers, refused = tally.subscribers, tally.refused
        followed, accept = subscribers.each, subscribers.room().add
        accepted, end, each, mask = 0, SIZES_END, EACH, MASK
        for at in self.streams:
            entry = entries[at]
            request, length = entry.request, entry.duration
            headers = request.headers
            of = sizes[int(length + length)] if 0.0 < length < end else size(length)
            lengths[of] += 1
            ends[of] = entry.ts
            if of not in begins:
                begins[of] = (entry.ts, self.source, self.found.number(at))
            try:
                uris[request.uri] += 1
            except KeyError:
                self._topic(at, request.uri)
            if headers.origin:
                origin = headers.origin[0]
                count = origins[origin] = origins.get(origin, 0) + 1
                if count < each or not count & mask or origin in refused:
                    self._page(at, origin)
            if headers.cookie is none and self._is_anonymous(at, request.uri):
                self._note("anonymous", "", at)
            else:
                accepted += 1
                accept(request.client_ip)
                if followed:
                    subscribers.accept(request.client_ip, entry.ts - length)
        subscribers.accepted += accepted
        self.streams.clear()

    def _topic(self, at: int, uri: str) -> None:
        """Topics that are new here; a URL with a token is not kept, and where it is kept it is no news."""
        if _has_token(uri):
            self._token(at, uri)
        elif len(uri) <= _LONGEST:
            self.tally.uris[uri] = 1
            _shorten(self.tally.uris)

    def _page(self, at: int, origin: str) -> None:
        """A page of that origin had a stream; a hub's answer to an origin changes only with its configuration."""
        refused, known = self.tally.refused, self.tally.known.origins
        if len(origin) > _LONGEST:
            del self.tally.origins[origin]
        said = details(self.found.line(at))
        if said.exposed:
            self._note("token-in-header", "", at)
        if said.allowed and (known is None or known(origin)):
            refused.discard(origin)
        else:
            refused.add(origin[:_LONGEST])
            self._note("origin", origin, at)
        _shorten(self.tally.origins)

    def _is_anonymous(self, at: int, uri: str) -> bool:
        """Whether a stream without a cookie was opened without any token."""
        return not _has_token(uri) and not details(self.found.line(at)).credentials

    def _note(self, what: str, whose: str, at: int) -> None:
        found = self.found
        self.tally.note(what, whose, found.entries[at].ts, found.source, found.number(at))

    def _token(self, at: int, uri: str) -> None:
        """A token in the URL, which this log or another one has now."""
        if _TOKEN.search(uri):
            self._note("token-in-url", "", at)
        elif _HIDDEN.search(uri):
            self._note("token-in-url-hidden", "", at)

    def _other(self, at: int, entry: Entry, paths: Sequence[str]) -> None:
        """A line that is not a publish that was taken, nor a stream."""
        request, status = entry.request, entry.status
        if not 100 <= status <= 999:
            self._words(at)
            return
        if len(self.tally.clients) < CLIENTS:
            self.tally.clients.add(request.client_ip)
        path, _, query = request.uri.partition("?")
        if path not in paths:
            self._elsewhere(at, entry, path)
            return
        if status == 200 and request.method == "POST":
            self.tally.publishers.accept(request.client_ip, entry.ts)
            self.tally.publishers.accepted += 1
        method = request.method if request.method in _METHODS else "other"
        if status == 200 and (method == "QUERY" or (method == "GET" and query)):
            self.streams.append(at)
            return
        self.hour.asked[method, status] += 1
        if query:
            self._token(at, request.uri)
        if status >= 500:
            self._note("failed", str(status), at)
        elif status in {400, 401, 403}:
            self._refused(at, entry, method)

    def _refused(self, at: int, entry: Entry, method: str) -> None:
        """A request that the hub refused, for its token or for want of one."""
        tally, request = self.tally, entry.request
        credentials, challenge, _, exposed = details(self.found.line(at))
        if exposed:
            self._note("token-in-header", "", at)
        tally.challenges.update(word for word in _CHALLENGES if f'error="{word}"' in challenge)
        if entry.status == 400 and "error=" not in challenge:
            # a request that is wrong in another way than by its token
            return
        if '"insufficient_scope"' in challenge:
            self._note("scope", method, at)
        elif not credentials and not _has_token(request.uri):
            origin = request.headers.origin[0] if request.headers.origin and method != "POST" else ""
            self._note("without-token" if origin else f"bare-{method}", origin, at)
            self._note("client", request.client_ip, at)
        elif method == "POST":
            tally.publishers.refuse(request.client_ip, entry.ts, self.source, self.found.number(at))
        elif method in {"GET", "QUERY"}:
            self._streams()
            tally.subscribers.refuse(request.client_ip, entry.ts, self.source, self.found.number(at))

    def _elsewhere(self, at: int, entry: Entry, path: str) -> None:
        """A path that is none of the hub, or one of its pages."""
        request, method = entry.request, entry.request.method
        self.hour.asked["elsewhere", entry.status] += 1
        self._token(at, request.uri)
        if _DOOR.search(path):
            opened = entry.status in {200, 301, 302, 307, 308}
            self._note("door-open" if opened else "door", path[:80], at)
            self._note("client", request.client_ip, at)
        elif entry.status == 404 and request.headers.origin and method == "GET" and "topic=" in request.uri:
            self._note("path", path[:80], at)
        elif entry.status == 404 and path not in _HARMLESS:
            self._note("probe", path[:80], at)

    def _words(self, at: int) -> None:
        """What the hub says beside its access log."""
        found = words(self.found.line(at))
        if found is None:
            self.tally.skipped += 1
            return
        self.tally.words += 1
        if found.logger.startswith("http.handlers.mercure"):
            text = f"{found.msg} {found.error or ''}"
            reason = next((reason for sign, reason in _REASONS.items() if sign in text), None)
            if reason:
                self._note("reason", reason, at)
