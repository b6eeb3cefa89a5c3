"""What is found about files or a deployment: the ids of the contract, section 6, and the value that carries one."""

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class Finding:
    """`id` is one of IDS; `file`, `line` and `column` (both from 1) say where, as far as that is known."""

    id: str
    level: Level
    message: str
    hint: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
