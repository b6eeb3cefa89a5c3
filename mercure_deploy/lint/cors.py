"""Rules about the origins that a hub lets in, and those of the pages that ask."""

from collections.abc import Iterator
from difflib import SequenceMatcher

from mercure_deploy.errors import typed
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Finding
from mercure_deploy.lint.proxies import doubled
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.setup import Setup, as_origin, bare, host_of, is_app_file, is_hub_file, split
from mercure_deploy.simulation.go import origin_problem
from mercure_deploy.simulation.hub import development, hubs

Listed = list[tuple[Value, Origin]]
_ALMOST = {"cors_origins:", "cors_origin", "cors"}


@rule("cors-wildcard-credentials")
def cors_wildcard_credentials(setup: Setup) -> Iterator[Found]:
    """`*` among the origins, which browsers refuse together with a cookie."""
    for value in setup.origins() or []:
        if bare(value) == "*":
            what = "* as an origin: browsers refuse it together with a cookie, and everybody else is let in"
            yield Found(value.place, what, "list the origins of your pages")


@rule("cors-origin-missing")
def cors_origin_missing(setup: Setup) -> Iterator[Found | Finding]:
    """Pages of another origin than the hub's, and no cors_origins."""
    yield from _replaced(setup)
    said = [each for block in setup.blocks for each in block.directives]
    if any(development(service) for service in setup.hub_services):
        # it has an origin: every one
        return
    # the playground of hub 1.0 lets in every page; 0.24 does not know the word
    modern = setup.generation is not None and setup.generation >= (1, 0)
    if any(each.name == "cors_origins" or (modern and each.name == "playground") for each in said):
        return
    for dropped in (chart.dropped for chart in setup.charts if chart.dropped):
        if "cors_origins" in dropped.text:
            what = "with existingSecret the chart drops extraDirectives: no page of another origin is let in"
            yield Found(dropped.place, what, "put them into the Secret, as extra-directives")
            return
    strangers = [page for page in setup.pages if page != setup.hub_origin] if setup.hub_origin else []
    almost = [each for each in said if each.name in _ALMOST]
    if almost:
        hint = "cors_origins with the origins of your pages"
        yield Found(almost[0].place, "no page of another origin is let in", hint)
    elif strangers and _whole(setup):
        what = f"pages of {strangers[0]} are not let in: there is no cors_origins"
        yield Found(setup.somewhere, what, f"cors_origins {strangers[0]}")


def _replaced(setup: Setup) -> Iterator[Found]:
    """Origins on a cors_origins line that a later line replaces."""
    for block in setup.blocks:
        lines = [each for each in block.directives if each.name == "cors_origins"]
        words = {word.text for each in lines[-1:] for word in each.arguments}
        for each in lines[:-1]:
            lost = [word.text for word in each.arguments if word.text not in words]
            if lost:
                first = next((text for text in lost if text in map(str, setup.pages)), lost[0])
                what = f"of several lines the last counts alone: {typed(first, 60)} is not let in"
                yield Found(each.place, what, "all origins on one line, with blanks between")


def _whole(setup: Setup) -> bool:
    """Whether the files hold all that the hub is told."""
    own = [file for file in setup.env_files if is_hub_file(file) and not is_app_file(file)]
    keys = [name for file in own for name in file.variables if name.startswith("MERCURE_PUBLISHER_JWT")]
    keys += [name for service in setup.hub_services for name in service.environment if "PUBLISHER_JWT" in name]
    return bool(setup.blocks or keys)


@rule("cors-origin-mismatch")
def cors_origin_mismatch(setup: Setup) -> Iterator[Found | Finding]:
    """An origin in the list that is nearly that of a page: another scheme, port, host, quotes around it."""
    values = setup.origins() or []
    for value in values:
        if value.text[:1] in {"'", '"'} and bare(value) != "*":
            what = "has quotes in it, and matches no page"
            yield Found(value.place, what, "leave the quotes out")
    listed = [(value, parsed) for value in values for parsed in [as_origin(value)] if parsed]
    yield from doubled(setup)
    if not setup.pages:
        yield from _misspelt(setup, listed)
    elif not any(bare(value) == "*" or _unsure(value.text) for value in values):
        yield from _not_listed(setup, values)


def _unsure(text: str) -> bool:
    """Whether nobody can tell which pages it lets in, or it is a finding of its own as a word."""
    return any(sign in text for sign in ("<", "{", "$", ",")) or origin_problem(text) is not None


def _not_listed(setup: Setup, values: list[Value]) -> Iterator[Found]:
    lines = [each for block in setup.blocks for each in block.named("cors_origins")[:-1]]
    replaced = {word.text for each in lines for word in each.arguments}
    known = hubs(setup)
    for page in setup.pages if values else ():
        # its line is a finding of its own
        if page == setup.hub_origin or str(page) in replaced:
            continue
        parsed = [each for each in map(as_origin, values) if each]
        let_in = any(hub.lets_in(str(page)) for hub in known) if known else any(_covers(each, page) for each in parsed)
        if not let_in:
            near = max(values, key=lambda value: _likeness(value.text, str(page)))
            what = f"{typed(near.text, 100)} is listed, the page is {page}"
            yield Found(near.place, what, f"write {page}")


def _misspelt(setup: Setup, listed: Listed) -> Iterator[Found]:
    """An origin whose domain is that of the hub but for a letter."""
    name = setup.hub.get("SERVER_NAME")
    domains = {_domain(host_of(part)) for part in split(name)}
    domains |= {_domain(setup.hub_origin.host)} if setup.hub_origin else set()
    for value, origin in listed:
        own = _domain(origin.host)
        for domain in sorted(domains - {"", own}):
            if own and _one_letter(own, domain):
                what = f"{own} is not {domain}: a letter differs"
                yield Found(value.place, what, f"write {value.text.replace(own, domain)}, if that is the page's")


def _one_letter(one: str, other: str) -> bool:
    """Whether one letter was forgotten, added, changed or taken for its neighbour; a digit is a name of its own."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    start = next((at for at, (here, there) in enumerate(zip(short, long, strict=False)) if here != there), len(short))
    if len(short) < len(long):
        return long[start].isalpha() and short[start:] == long[start + 1 :]
    differing = (short[start : start + 1] + long[start : start + 1]).isalpha()
    swapped = short[start : start + 2] == long[start : start + 2][::-1] and short[start + 2 :] == long[start + 2 :]
    return differing and (short[start + 1 :] == long[start + 1 :] or swapped)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _domain(host: str) -> str:
    return ".".join(host.split(".")[-2:]) if "." in host else ""


def _covers(listed: Origin, page: Origin) -> bool:
    if listed.host.startswith("*."):
        return page.host.endswith(listed.host[1:]) and (listed.scheme, listed.port) == (page.scheme, page.port)
    return listed == page
