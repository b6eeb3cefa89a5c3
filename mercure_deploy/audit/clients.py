"""Who publishes and who subscribes, by address: whose tokens were accepted, and since when they are refused."""

from dataclasses import dataclass, field

# addresses that are told apart; of those that come later only the number is known
MOST = 20_000
# seconds within which a page that renews its cookie after a 401 is back
RENEWED = 60.0


@dataclass(slots=True)
class Seen:
    """How often something was seen, when first and last in seconds since 1970, and the line of the first."""

    count: int = 0
    first: float = 0.0
    last: float = 0.0
    source: str = ""
    line: int = 0

    def add(self, moment: float, source: str, line: int, times: int = 1) -> None:
        """Once more."""
        if not self.count:
            self.first, self.source, self.line = moment, source, line
        self.count += times
        self.last = max(self.last, moment)


@dataclass(slots=True)
class Client:
    """One client: how often it was accepted, and its refusals; `run` are those since it was accepted last."""

    accepted: int = 0
    total: int = 0
    run: Seen = field(default_factory=Seen)
    longest: Seen = field(default_factory=Seen)
    # times that it was refused after it had been accepted, for good; and those after which it was back within a minute
    stale: int = 0
    renewed: int = 0

    def accept(self, began: float) -> None:
        """It was accepted, for what began at that moment."""
        if self.run.count:
            if began - self.run.first > RENEWED:
                self.stale += bool(self.accepted)
            else:
                self.renewed += 1
            self.longest, self.run = self.worst, Seen()
        self.accepted += 1

    def refuse(self, moment: float, source: str, line: int) -> None:
        """It was refused."""
        self.total += 1
        self.run.add(moment, source, line)

    @property
    def worst(self) -> Seen:
        """The longest run of refusals, also one that has not ended."""
        return max(self.longest, self.run, key=lambda each: each.count)

    @property
    def left(self) -> int:
        """How often it was refused after it had been accepted, and was not back within a minute."""
        return self.stale + bool(self.accepted and self.run.count)


@dataclass
class Clients:
    """All clients of one kind: who publishes, or who subscribes, with a token.

    `all` is everybody taken as one, `each` are those that were refused once, `seen` those that were accepted, and
    `accepted` is how often.
    """

    all: Client = field(default_factory=Client)
    each: dict[str, Client] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    accepted: int = 0

    def room(self) -> set[str]:
        """Where those go that are accepted: nowhere, when there are too many."""
        return self.seen if len(self.seen) < MOST else set()

    def accept(self, client: str, began: float) -> None:
        """The hub accepted a token, for what began at that moment, after it had refused one."""
        self.all.accept(began)
        found = self.each.get(client)
        if found:
            found.accept(began)

    def refuse(self, client: str, moment: float, source: str, line: int) -> None:
        """The hub refused it."""
        self.all.refuse(moment, source, line)
        found = self.each.get(client)
        if found is None:
            if len(self.each) >= MOST:
                return
            found = self.each[client] = Client(int(client in self.seen))
        found.refuse(moment, source, line)
