"""A subscription that is kept open: what it answered, and which updates came, each with its moment."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode

import httpx

from mercure_deploy.hub.fetch import LATE, FetchError, Reply, Way, opened

# far more than what is published here; what is beyond is not read
_MOST = 256 * 1024
# what browsers say they take
BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}


class Stream:
    """Opens in the background. `events` are (data, id) of the updates; `ended` is when it ended, monotonic seconds."""

    def __init__(self, url: str, words: dict[str, str], token: str | None, way: Way, headers: dict[str, str]) -> None:
        self.reply: Reply | None = None
        self.error: FetchError | None = None
        self.events: list[tuple[str, str]] = []
        self.bytes = 0
        self.began, self.ended = time.monotonic(), 0.0
        self._changed = threading.Condition()
        self._answer: httpx.Response | None = None
        self._closing = False
        asked = f"{url}?{urlencode(words)}"
        threading.Thread(target=self._read, args=(asked, token, way, headers), daemon=True).start()

    def opened(self, seconds: float) -> Reply:
        """Its answer. FetchError when there is none by then."""
        self._wait(lambda: self.reply is not None or self.error is not None, seconds)
        if self.reply is not None:
            return self.reply
        raise (self.error or FetchError("answer", LATE)).of_a_stream()

    def has(self, number: int, seconds: float) -> bool:
        """Whether so many updates come within these seconds."""
        self._wait(lambda: len(self.events) >= number or bool(self.ended), seconds)
        return len(self.events) >= number

    def lasts(self, seconds: float) -> bool:
        """Whether it is open for so long."""
        self._wait(lambda: bool(self.ended), seconds)
        return not self.ended

    def grew(self, before: int, seconds: float) -> bool:
        """Whether any bytes come after those before."""
        self._wait(lambda: self.bytes > before or bool(self.ended), seconds)
        return self.bytes > before

    def close(self) -> None:
        """End it, on the other side too."""
        self._closing = True
        answer = self._answer
        if answer is not None:
            with contextlib.suppress(OSError):
                # who reads is in another thread, and would wait for the next heartbeat
                found = answer.extensions["network_stream"].get_extra_info("socket")
                found.shutdown(socket.SHUT_RDWR)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._changed:
            while not condition() and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _read(self, asked: str, token: str | None, way: Way, headers: dict[str, str]) -> None:
        try:
            with opened("GET", asked, token, way, headers=headers) as answer:
                self._answer = answer
                self.reply = Reply(answer.status_code, dict(answer.headers), "")
                self._tell()
                if self.reply.stream:
                    self._events(answer)
        except FetchError as error:
            self.error = error
        finally:
            self.ended = time.monotonic()
            self._tell()

    def _events(self, answer: httpx.Response) -> None:
        rest, id_, data = b"", "", ""
        for piece in answer.iter_raw():
            self.bytes += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                word, _, value = line.decode(errors="replace").rstrip("\r").partition(": ")
                if word == "id":
                    id_ = value
                elif word == "data":
                    data = value
                elif not word and data:
                    self.events.append((data, id_))
                    id_ = data = ""
            self._tell()
            if self._closing or self.bytes > _MOST:
                return
