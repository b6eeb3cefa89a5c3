"""What is found about files or a deployment: the ids of the contract, section 6, and the value that carries one."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Level = Literal["error", "warning", "note"]

IDS = frozenset(
    """
    alg-mismatch anonymous anonymous-off anonymous-private-mix audience-mismatch cookie-scope cors-origin-mismatch
    cors-origin-missing cors-wildcard-credentials credentials-not-sent cross-site-domain directive-syntax
    env-var-obsolete healthcheck-broken http1-connection-limit hub-upgrade-break internal-url-wrong
    jwt-key-confusion key-age key-mismatch key-missing key-placeholder key-quoting key-too-short pem-in-env
    port-conflict proxy-not-routing proxy-timeout-buffering public-url-wrong secret-exposure server-name-mismatch
    shared-domain storage-permissions tls-mode-mismatch tls-untrusted-publish token-lifecycle tooling-override
    topic-claim-mismatch transport-not-shared
    """.split()
)

ACCEPTABLE = frozenset(
    """
    anonymous anonymous-private-mix cookie-scope cross-site-domain key-age proxy-not-routing secret-exposure
    shared-domain
    """.split()
)


class Place(NamedTuple):
    """`line` and `column` from 1; 0 where a file as a whole is meant, and no file where a command line said it."""

    file: str
    line: int
    column: int = 1

    @classmethod
    def of_file(cls, path: str) -> "Place":
        """A file as a whole."""
        return cls(path, 0, 0)


Change = Literal["missing", "changed", "orphan", "mode"]


class Drift(NamedTuple):
    """A rendered file that is not as a render would write it; `path` is relative to the root."""

    path: str
    change: Change


@dataclass(frozen=True)
class Finding:
    """`id` is one of IDS, `what` the sentence about it, `hint` what to do; `place` is None where there is none."""

    id: str
    level: Level
    what: str
    hint: str
    place: Place | None = None

    @property
    def file(self) -> str | None:
        """The path, None where it is not in a file."""
        return (self.place.file or None) if self.place else None

    @property
    def line(self) -> int | None:
        """The line, None where the file as a whole is meant."""
        return self.place.line or None if self.place and self.file else None

    @property
    def column(self) -> int | None:
        """The column, None where the file as a whole is meant."""
        return self.place.column or None if self.place and self.file else None


class Checked(NamedTuple):
    """What `check` says of one environment."""

    secrets_checked: bool
    drift: tuple[Drift, ...]
    findings: tuple[Finding, ...]
