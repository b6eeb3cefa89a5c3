"""The probe of what the app's process sees: a line that a script of ours printed there, held against the ring."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mercure_deploy.errors import Trouble, printable
from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.hub.replies import Cause
from mercure_deploy.keys import HMAC_BYTES
from mercure_deploy.probes.engine import SKEW, Asking, Seen, Target, failed, passed, probe, skipped

LARGEST = 64 * 1024
_SECRETS = ("MERCURE_JWT_SECRET", "MERCURE_JWT_KEY_B64")


def read(data: bytes) -> Mapping[str, object]:
    """The answer of the script, wherever it stands in what its terminal printed. Trouble when there is none."""
    for line in data.decode("utf-8", errors="replace").splitlines():
        start = line.find('{"mercure_deploy_probe"')
        if start >= 0:
            try:
                said, _ = json.JSONDecoder().raw_decode(line[start:])
            except (ValueError, RecursionError):
                continue
            if isinstance(said, dict) and said.get("mercure_deploy_probe") == 1:
                return said
    hint = "run the script where the app runs, and give what it prints: one line of JSON"
    raise Trouble("that is no answer of the probe", hint=hint)


def _given(target: Target) -> Sequence[str | None]:
    return [None] if target.judged is not None else []


@probe("env-file", subjects=_given)
def env_file(ask: Asking, _subject: str | None) -> Seen:
    """Does Symfony take the values of the app's env file?"""
    judged = ask.target.judged or ()
    if not judged:
        return passed("Symfony takes what it holds")
    return Seen("", "fail", judged[0].what, findings=judged)


@probe("app")
def app(ask: Asking, _subject: str | None) -> Seen:
    """What does the app's own process see?"""
    said = ask.target.answer
    if said is None:
        return skipped("--write-probe writes a script for where the app runs")
    causes = list(_causes(ask, _Answer(said)))
    if not causes:
        versions = said.get("versions")
        known = versions.items() if isinstance(versions, dict) else ()
        shown = ", ".join(f"{name} {version}" for name, version in known if version)
        return passed(printable(f"the app has what the files say ({shown})", 300))
    seen = failed(causes[0])
    findings = {finding.id: finding for cause in causes for finding in failed(cause).findings}
    return Seen("", "fail", seen.evidence, findings=tuple(findings.values()))


class _Answer:
    """The answer, whose parts may be of any kind."""

    def __init__(self, said: Mapping[str, object]) -> None:
        self._said = said

    def part(self, *names: str) -> Any:  # noqa: ANN401 - whatever stands there
        """What stands below these names, None where nothing does."""
        here: Any = self._said
        for name in names:
            here = here.get(name) if isinstance(here, dict) else None
        return here

    def text(self, *names: str) -> str:
        """The same as text, harmless for a terminal."""
        found = self.part(*names)
        return printable(found, 200) if isinstance(found, str) else ""


def _causes(ask: Asking, said: _Answer) -> Iterator[Cause]:
    secret = list(_secret(ask, said))
    yield from secret
    url = list(_url(ask, said))
    yield from url
    status = said.part("publish", "status")
    if not secret and not url and status == 401:
        what = "the hub refuses what the app signs (401), though its secret is that of the ring"
        yield Cause("key-mismatch", what, "deploy the hub with the files of the same render")
    offset = said.part("time")
    if isinstance(offset, (int, float)) and isinstance(said.part("hub_time"), (int, float)):
        apart = offset - said.part("hub_time")
        if abs(apart) > SKEW:
            what = f"the app's clock is {abs(round(apart))} s {'ahead of' if apart > 0 else 'behind'} the hub's"
            yield Cause("token-lifecycle", what, "switch time synchronisation on, on both machines")


def _secret(ask: Asking, said: _Answer) -> Iterator[Cause]:
    name = next((each for each in _SECRETS if said.part("variables", each)), None)
    if name is None:
        yield Cause(
            "key-missing", "the app has no MERCURE_JWT_SECRET", "give its process the variables of its env file"
        )
        return
    mark, length = said.text("variables", name, "fingerprint"), said.part("variables", name, "length")
    keys = ask.target.keys
    own = next((key for key in keys if key.fingerprint == mark), None)
    if own is None and keys:
        yield from _wrong_secret(said, name, mark, {key.fingerprint for key in keys})
        return
    algorithm = own.algorithm if own else "HS256"
    if isinstance(length, int) and name == _SECRETS[0] and length < HMAC_BYTES.get(algorithm, 0):
        what = f"the app's secret has {length} bytes, {algorithm} wants {HMAC_BYTES[algorithm]}"
        yield Cause("key-too-short", what, "a longer key, the same for app and hub")


def _wrong_secret(said: _Answer, name: str, mark: str, marks: set[str]) -> Iterator[Cause]:
    """Why the app signs with something else than a key of the ring."""
    odd = said.part("variables", name, "odd")
    shown = ", ".join(printable(str(each), 30) for each in odd[:4]) if isinstance(odd, list) else ""
    if said.text("variables", name, "bare") in marks:
        what = f"the app's {name} is the key with {shown or 'something'} around it, which stays a part of it there"
        yield Cause("key-quoting", what, "leave the quotes out where that variable is set")
    elif said.text("variables", name, "file") in marks:
        what = f"{name} of the process ({mark}) hides that of the env files, which is right"
        yield Cause(
            "tooling-override", what, "take it out of the container's environment, or set it there to the new one"
        )
    elif said.text("variables", name, "edited") in marks:
        what = f"the app has {name} frozen in .env.local.php ({mark}); the env files hold the right one"
        yield Cause("tooling-override", what, "composer dump-env again at each deployment")
    elif not said.part("variables", name, "length"):
        yield Cause("key-missing", f"{name} is empty in the app's process", "give it the variables of its env file")
    else:
        what = f"the app signs with a key ({mark}) that is none of this environment's ({', '.join(sorted(marks))})"
        yield Cause("key-mismatch", what, "deploy the app with the files of the last render")


def _url(ask: Asking, said: _Answer) -> Iterator[Cause]:
    url, env = said.text("variables", "MERCURE_URL", "value"), ask.target.env
    if not url:
        yield Cause(
            "internal-url-wrong", "the app has no MERCURE_URL", "give its process the variables of its env file"
        )
        return
    network = {name: said.text("network", name) for name in ("resolve", "connect", "tls")}
    wanted = env.hub.publish_url if env else None
    differs = wanted is not None and url != wanted
    elsewhere = f"; the spec says {wanted}" if differs else ""
    if network["resolve"] not in {"", "ok"}:
        what = f"the app cannot resolve the name of {url}{elsewhere}"
        yield Cause("internal-url-wrong", what, "a name that the app's network knows, or the public URL of the hub")
    elif network["connect"] not in {"", "ok"}:
        what = f"the app gets no connection to {url}: {network['connect']}{elsewhere}"
        yield Cause("internal-url-wrong", what, "the hub has to be in a network of the app, on that port")
    elif network["tls"] not in {"", "ok"}:
        what = f"the app does not trust the certificate of {url}: {network['tls']}"
        yield Cause("tls-untrusted-publish", what, "the private way (internal_url), or a certificate that PHP knows")
    elif differs and not _same(url, wanted or ""):
        yield Cause("internal-url-wrong", f"the app publishes to {url}{elsewhere}", "deploy the app with its env file")


def _same(one: str, other: str) -> bool:
    try:
        first, second = (parse_origin(each.partition("?")[0], drop_path=_path(each)) for each in (one, other))
    except ValueError:
        return False
    return (first, _path(one)) == (second, _path(other))


def _path(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2].partition("?")[0]
