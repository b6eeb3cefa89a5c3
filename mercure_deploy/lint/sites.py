"""What a hub listens to, and what comes of a request that somebody sends there (measured with the hub's Caddy)."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from mercure_deploy.facts.origins import Origin
from mercure_deploy.facts.variables import LEGACY
from mercure_deploy.findings import Place
from mercure_deploy.readers import caddyfile
from mercure_deploy.readers.places import Directive, Service, Value
from mercure_deploy.readers.setup import Block, Setup, as_it_comes, origin_of, split

# `port`: nothing listens there; `redirect`: sent to https; `tls`: TLS is wanted; `plain`: there is none;
# `name`: an empty 200, as the site has another name; `certificate`: TLS, and nobody gets one for it
Answer = Literal["hub", "port", "redirect", "tls", "plain", "name", "certificate"]
_ADDRESS = re.compile(r"(?:(?P<scheme>https?)://)?(?P<host>[^:/{}$<>]*)(?::(?P<port>[0-9]+))?")
PLAIN_PORT, TLS_PORT = 80, 443
# directives of a site that lead no request elsewhere
_PLAIN_WORDS = frozenset("mercure route handle respond encode log header tls bind root skip_log log_skip".split())
# images that may hand the hub's path on
_PROXIES = re.compile(r"nginx|caddy|apache|httpd|frankenphp|haproxy|envoy|traefik|varnish", re.IGNORECASE)


@dataclass(frozen=True)
class Site:
    """An address of the hub; `host` is "" for every name.

    `sent_from` is the port at which Caddy sends plain http to it, `certified` whether it has a certificate or gets one.
    """

    secure: bool
    host: str
    port: int
    sent_from: int | None = None
    certified: bool = True

    def named(self, host: str) -> bool:
        """Whether requests to that name are its."""
        return self.host in {"", host} or (self.host.startswith("*.") and host.endswith(self.host[1:]))


def sites(setup: Setup) -> list[Site] | None:
    """The addresses of the one hub that there is, None where files do not tell them all."""
    if len(setup.hub_services) > 1 or (setup.generation is not None and setup.generation < (0, 11)):
        return None
    found = [site for _, site in _addresses(setup)]
    known = [each for each in found if each is not None]
    return known if known and len(known) == len(found) else None


def takes_its_path_alone(setup: Setup) -> bool:
    """Whether nothing in the hub's site leads another path to it, as in the image's own Caddyfile."""
    inside = [each for block in _whole(setup) for each in block.site]
    return not setup.caddyfiles or (bool(inside) and all(map(_is_plain, inside)))


def _is_plain(each: Directive) -> bool:
    nested = each.name not in {"route", "handle"} or all(map(_is_plain, each.block))
    return nested and (each.name in _PLAIN_WORDS or each.name.startswith("@"))


def _addresses(setup: Setup) -> list[tuple[Value, Site | None]]:
    """The hub's addresses as they are written, and what each means, None where nobody can tell."""
    options, name = global_options(setup), setup.hub.get("SERVER_NAME")
    whole = _whole(setup)
    written = [value for block in whole for value in block.addresses]
    # an address that a variable filled is known when the variable is
    if options is None or (any(value.raw for value in written) and (name is None or name.place in setup.assumed)):
        return []
    if not written and name is not None and name.place not in setup.assumed:
        written = [replace(name, text=text) for text in split(name)]
    if not written and name is None and any(shipped(service) for service in setup.hub_services):
        written = [Value("localhost", setup.somewhere)]
    certified = any(each.name == "tls" for block in whole for each in block.site) or _extra_tls(setup)
    return [(value, _site(value.text, options, certified=certified)) for value in written]


def _whole(setup: Setup) -> list[Block]:
    """The hub's blocks that stand in a site of a Caddyfile."""
    return [block for block in setup.blocks if block.whole]


def _is_literal(setup: Setup) -> bool:
    """Whether the hub's addresses are written in its Caddyfile, and not in a variable."""
    return any(value.raw is None for block in _whole(setup) for value in block.addresses)


def at_plain(setup: Setup, port: int = PLAIN_PORT) -> str:
    """What to write so that the hub speaks plain http at a port, to whoever asks: in its site, or in its variable."""
    if _is_literal(setup):
        return f"http://:{port} as the address of the hub's site, behind a proxy that terminates TLS"
    return f"SERVER_NAME: ':{port}' behind a proxy that terminates TLS"


def named_too(setup: Setup, host: str) -> str:
    """What to write so that the hub serves one more name over plain http."""
    if _is_literal(setup):
        return f"add http://{host} to the addresses of the site"
    if "SERVER_NAME" in setup.hub:
        return f"add http://{host} to SERVER_NAME, or make it :80 behind a proxy"
    return at_plain(setup)


def clashing(setup: Setup) -> list[Value]:
    """Addresses of plain http in a site with a certificate: Caddy does not start (measured in every form)."""
    return [value for value, site in _addresses(setup) if site is not None and site.certified and not site.secure]


def shipped(service: Service) -> bool:
    """Whether a hub of the image serves what the Caddyfile in it says without any variable: localhost, with TLS."""
    named = (service.environment.keys() | service.passed) & {"SERVER_NAME", "CADDY_SERVER_EXTRA_DIRECTIVES", *LEGACY}
    return as_it_comes(service) and not service.charted and not named


@dataclass(frozen=True)
class Options:
    """What the global options say of ports and certificates (measured with each of them alone, and both ports)."""

    plain: int = PLAIN_PORT
    tls: int = TLS_PORT
    automatic: str = ""
    place: Place | None = None

    @property
    def certificates(self) -> bool:
        """Whether Caddy gets certificates by itself."""
        return self.automatic not in {"off", "disable_certs"}


def global_options(setup: Setup) -> Options | None:
    """Those of the Caddyfile that the hub is in, or of the image's variable; None where they cannot be read."""
    said = setup.hub.get("GLOBAL_OPTIONS")
    hubs = [file for file in setup.caddyfiles if any(holds_a_hub(setup, directives) for _, directives in file.sites)]
    lines = [each for file in hubs for each in file.options]
    lines += caddyfile.lines_of(said) if said is not None else ()
    found = Options()
    for each in lines:
        word = each.arguments[0].text if each.arguments else ""
        if each.name in {"http_port", "https_port"}:
            if not word.isdecimal():
                return None
            found = replace(found, plain=int(word)) if each.name == "http_port" else replace(found, tls=int(word))
        elif each.name == "auto_https":
            found = replace(found, automatic=word, place=each.place)
    return found


def holds_a_hub(setup: Setup, directives: tuple[Directive, ...]) -> bool:
    """Whether a site with these directives has a hub in it."""
    return any(block.site == directives for block in setup.blocks)


def _extra_tls(setup: Setup) -> bool:
    """Whether a variable of the image brings a certificate."""
    said = setup.hub.get("CADDY_SERVER_EXTRA_DIRECTIVES")
    return said is not None and any(each.name == "tls" for each in caddyfile.lines_of(said))


def _site(text: str, options: Options, *, certified: bool) -> Site | None:
    """That address, None where nobody can tell what is meant; `certified`: the site has a certificate of its own."""
    found = _ADDRESS.fullmatch(text.strip("\"'"))
    if not found or not (found["host"] or found["port"]):
        return None
    # a port of TLS without a name is another matter: nobody knows which certificate it has
    if not found["host"] and int(found["port"]) == options.tls and options.automatic != "off" and not certified:
        return None
    secure = found["scheme"] == "https" or (found["scheme"] is None and (found["host"] != "" or certified))
    port = int(found["port"]) if found["port"] else options.tls if secure else options.plain
    # http at its own port, by whatever it is called
    secure = secure and port != options.plain
    sent = secure and options.automatic not in {"off", "disable_redirects"}
    certified = certified or (secure and options.certificates)
    return Site(secure, found["host"], port, options.plain if sent else None, certified)


def answer(known: Iterable[Site], url: Origin) -> Answer:
    """What a request to that URL meets, once it has come to the hub's container."""
    listed = list(known)
    secure = url.scheme == "https"
    port = url.number
    here = [site for site in listed if site.port == port]
    redirects = any(site.sent_from == port for site in listed)
    if not here and not redirects:
        return "port"
    # a port speaks one of the two, whatever names it has
    if secure != any(site.secure for site in here):
        return "plain" if secure else "tls"
    if any(site.named(url.host) for site in here):
        return "hub" if not secure or any(site.certified for site in here) else "certificate"
    return "redirect" if redirects else "name"


def arrived(setup: Setup, url: Origin) -> Origin | None:
    """Where in the hub's container a request of a proxy to that URL arrives, None where it goes elsewhere."""
    if url.host in setup.hub_names:
        return inside(setup, url)
    published = {host: inside for service in setup.hub_services for host, inside, _ in service.ports if host}
    if url.is_local and url.port in published:
        return replace(url, port=published[url.port])
    # a hub on the machine itself
    here = all(service.host_network for service in setup.services)
    return url if url.is_local and here and any(block.whole for block in setup.blocks) else None


def is_there(setup: Setup, url: Origin) -> bool | None:
    """Whether a request of a proxy to that URL comes to the hub, None where no file tells."""
    if arrived(setup, url) is not None:
        return True
    internal = setup.internal
    alone = all(service.host_network for service in setup.services)
    if internal and internal[1].place not in setup.assumed and internal[0].is_local and url.is_local and alone:
        # where the app publishes to on this machine, there the hub is
        return internal[0].number == url.number
    behind = [service for service in setup.services if url.host in service.names]
    if setup.hub_services and behind:
        return None if any(_hands_on(service) for service in behind) else False
    return None


def leads(setup: Setup, target: Value) -> bool | None:
    """Whether that URL of a proxy is a hub's, None where no file tells, or it is none."""
    found = origin_of(target)
    return is_there(setup, found[0]) if found else None


def is_own(setup: Setup, names: Collection[str]) -> bool:
    """Whether one of these names of a proxy's host is the hub's public one, and no page has it."""
    hub = setup.hub_origin
    return hub is not None and hub.host in names and not any(page.host == hub.host for page in setup.pages)


def _hands_on(service: Service) -> bool:
    """Whether it may be a proxy itself."""
    return service.image is None or _PROXIES.search(service.image.text) is not None


def inside(setup: Setup, url: Origin) -> Origin:
    """The same in the container: a Service of Kubernetes leads from its port to another one."""
    for service in setup.hub_services:
        if url.host in service.names and url.number in service.mapped:
            return replace(url, port=service.mapped[url.number])
    return url


def listening(known: Iterable[Site]) -> set[int]:
    """The ports at which something answers; who has TLS answers plain http at 80 too, to send it away."""
    listed = list(known)
    return {site.port for site in listed} | {site.sent_from for site in listed if site.sent_from is not None}


def ports(known: Iterable[Site]) -> str:
    """At which it listens, for a sentence."""
    return ", ".join(str(port) for port in sorted({site.port for site in known}))
