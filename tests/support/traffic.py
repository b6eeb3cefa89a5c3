"""Publishers and streams at a hub at port 80 of this machine, while its keys are changed."""

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import programs

TOPICS = 10
STREAMS = 50


class Load:
    """Publishers that take their key from the app's env file as it is deployed, and streams that count what arrives."""

    def __init__(self, key: tuple[str, str]) -> None:
        self.key = key
        self.topics = [programs.topic() for _ in range(TOPICS)]
        self.sent: dict[str, list[str]] = {topic: [] for topic in self.topics}
        self.answers: Counter[int] = Counter()
        self.cut: set[str] = set()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.publish, args=(self.topics[n::2],)) for n in range(2)]
        self.streams = [self.subscribe(self.topics[number % TOPICS]) for number in range(STREAMS)]

    def subscribe(self, topic: str) -> tuple[str, programs.Stream]:
        return topic, programs.Stream(topic, programs.token(self.key, subscribe=[topic]))

    def publish(self, topics: list[str]) -> None:
        number = 0
        while not self.stop.is_set():
            for topic in topics:
                data = f"{topic[-4:]}-{number}"
                # the key that is deployed now
                try:
                    status = programs.publish(programs.token(self.key, publish=["*"]), topic, data)
                except (http.client.RemoteDisconnected, ConnectionResetError):
                    # a reload closes connections that it has accepted and not read from yet: no answer, no token judged
                    self.cut.add(data)
                else:
                    self.answers[status] += 1
                    if status == 200:
                        self.sent[topic].append(data)
                number += 1

    def ended(self) -> None:
        """Stop; no token was refused, and each stream has every update in its order, but for what a reload cut."""
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert set(self.answers) == {200}
        for topic, stream in self.streams:
            programs.wait(lambda: len(stream.events) >= len(self.sent[topic]), "all updates arrive")  # noqa: B023
            assert [event for event in stream.events if event not in self.cut] == self.sent[topic]

    def until(self, count: int) -> None:
        programs.wait(lambda: self.answers.total() >= count, f"{count} publishes", 120)


@contextmanager
def load(key: tuple[str, str]) -> Iterator[Load]:
    """Publishers and streams that are at work until they are told to stop."""
    running = Load(key)
    for thread in running.threads:
        thread.start()
    try:
        yield running
    finally:
        running.stop.set()
        for thread in running.threads:
            thread.join()
