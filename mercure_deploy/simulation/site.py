"""What stands before the hub in its own site: rewrites, which Caddy takes first wherever they are written.

`mercure` comes after `encode` in Caddy's order, so `rewrite` and `try_files` at the same level are done before it, and
what is inside `handle` or `route` is not (held against the hub's own Caddy).
"""

import re
from collections.abc import Iterator

from mercure_deploy.facts.hubs import HUB_PATH, matched
from mercure_deploy.findings import Finding
from mercure_deploy.readers.places import Directive
from mercure_deploy.readers.setup import Setup

_PATHS = {"path", "path_regexp"}


def rewritten(setup: Setup) -> Iterator[Finding]:
    """Rewrites that take the hub's path away before the hub sees it."""
    for block in setup.blocks:
        if not any(each.name == "mercure" for each in block.site):
            continue
        for each in block.site:
            target = _target(each, block.site)
            if target is not None and not target.startswith(("{path}", "{uri}", HUB_PATH)):
                what = f"{each.name} comes before the hub, wherever it is written: {HUB_PATH} goes to {target}"
                hint = f"a matcher that leaves the hub out: not path {HUB_PATH}*"
                yield Finding("proxy-not-routing", "error", what, hint, each.place)


def _target(each: Directive, site: tuple[Directive, ...]) -> str | None:
    """Where that directive leads requests for the hub, None where it leaves them alone or nobody can tell."""
    words = [word.text for word in each.arguments]
    if each.name == "try_files":
        # the first that exists: those with the path in their name do not
        return next((word for word in words if "{" not in word and not word.startswith(("=", "@"))), None)
    if each.name != "rewrite" or not words:
        return None
    matcher, target = (words[0], words[-1]) if len(words) > 1 else ("*", words[0])
    return target if matches(matcher, site) else None


def matches(matcher: str, site: tuple[Directive, ...]) -> bool:
    """Whether a matcher of Caddy takes the hub's path; `site` has the directives that may define it."""
    if matcher == "*":
        return True
    if matcher.startswith("/"):
        return _path(matcher)
    defined = next((each for each in site if each.name == matcher), None)
    if defined is None:
        return False
    inline = [Directive(defined.arguments[0].text, defined.place, defined.arguments[1:])] if defined.arguments else []
    return all(_condition(each) for each in (*inline, *defined.block))


def _condition(each: Directive) -> bool:
    """Whether a condition of a matcher holds for the hub's path; one that depends on more counts as not."""
    words = [word.text for word in each.arguments]
    if each.name == "not":
        inner = [Directive(words[0], each.place, each.arguments[1:])] if words else list(each.block)
        return bool(inner) and not all(_negated(one) for one in inner)
    if each.name == "path":
        return any(map(_path, words))
    return each.name == "path_regexp" and bool(words) and matched(words[-1])


def _negated(each: Directive) -> bool:
    """The condition behind a `not`: no file of the site has the hub's name; what nobody can tell holds."""
    return _condition(each) if each.name in _PATHS else each.name != "file"


def _path(pattern: str) -> bool:
    # a star stands for anything, slashes included, at either end
    words = ".*".join(map(re.escape, pattern.lower().split("*")))
    return re.fullmatch(words, HUB_PATH) is not None
