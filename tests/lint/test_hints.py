"""A hint that has a value to write is done, as a person would with an editor, and what it was for is gone then."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import test_front
import test_kubernetes
import test_rules
import test_small
from test_cases import told

from mercure_deploy import lint
from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.findings import Finding

Files = dict[str, str]
Change = Callable[[str, int, re.Match[str]], str | None]
Done = Callable[[Files, Finding, re.Match[str]], Files]
PAGES = lint.Told((parse_origin("https://app.example.com"),))


def _url(line: str, column: int, hint: re.Match[str]) -> str:
    """The URL in the place of the one that stands there, or of the whole value."""
    before, after = line[: column - 1], line[column - 1 :]
    if re.search(r"[a-z]+://", after):
        return before + re.sub(r"[a-z]+://[^\s'\"}]*", lambda _: hint[0], after, count=1)
    name, sign, _ = re.split(r"([=:]\s*)", line, maxsplit=1)
    return f"{name}{sign}{hint[0]}"


def _word(line: str, column: int, hint: re.Match[str]) -> str:
    """The word in the place of the one that stands there."""
    return line[: column - 1] + re.sub(r"[^\s'\"]+", lambda _: hint[1], line[column - 1 :], count=1)


def _said(line: str, _column: int, hint: re.Match[str]) -> str:
    """A directive as the hint writes it: in the place of the one of that name, or on a line behind this one."""
    name = re.escape(re.split(r"[:\s]", hint[1], maxsplit=1)[0])
    if re.search(rf"(^|[\s/]){name}\b", line):
        return re.sub(rf"(?<![\w-]){name}\b.*$", lambda _: hint[1], line)
    indent = re.match(r"[\s-]*", line)
    return f"{line}\n{indent[0].replace('-', ' ') if indent else ''}{hint[1]}"


def _quoted(line: str, _column: int, _hint: re.Match[str]) -> str:
    name, sign, value = re.split(r"([=:]\s*)", line, maxsplit=1)
    return f"{name}{sign}'" + value.strip("\"'") + "'"


def _everywhere(pattern: str, by: str) -> Done:
    """The same change in the line, or where the value stands that the hint speaks of."""

    def does(files: Files, finding: Finding, hint: re.Match[str]) -> Files:
        text = hint.expand(by)
        order = sorted(files, key=lambda name: name != finding.file)
        for name in order:
            changed = re.sub(pattern, lambda at: at.expand(text), files[name], count=1, flags=re.MULTILINE)
            if changed != files[name]:
                return {**files, name: changed}
        return files

    return does


def _here(change: Change) -> Done:
    """A change of the line of the finding."""

    def does(files: Files, finding: Finding, hint: re.Match[str]) -> Files:
        lines = files[finding.file].splitlines()
        written = change(lines[finding.line - 1], finding.column or 1, hint)
        lines[finding.line - 1 : finding.line] = [] if written is None else [written]
        return {**files, finding.file: "\n".join(lines) + "\n"}

    return does


def _server_name(files: Files, finding: Finding, hint: re.Match[str]) -> Files:
    """The variable of the hub, where it stands, or among its others."""
    changed = _everywhere(r"(SERVER_NAME[=:]\s*)(.*)$", r"\\1\1")(files, finding, hint)
    added = r"\\1SERVER_NAME: \1"
    for pattern, by in (
        (r"(environment: \{)", f"{added}, "),
        (r"(^ +- )(?=MERCURE_PUB)", r"\\1SERVER_NAME=:80\n\\1"),
        (r"(^ +)(?=MERCURE_PUB)", rf"{added}\n\\1"),
    ):
        if changed == files:
            changed = _everywhere(pattern, by)(files, finding, hint)
    return changed


PROXY_PATH = r"path: \S+, pathType: \w+"
DOES: list[tuple[str, Done]] = [
    (r"https?://[^\s,;…]+", _here(_url)),
    (r"leave the line out( to close it)?|leave the command out; .*", _here(lambda *_: None)),
    (r"leave CORS to the hub: cors_origins|give it to the container when it starts", _here(lambda *_: None)),
    (r"write (https?://\S+?)(, if that is the page's)?", _here(_word)),
    (r"pin a release, e\.g\. (\S+)", _here(lambda line, _, hint: re.sub(r"\S*mercure\S*$", hint[1], line))),
    (
        r"add (http://\S+) to SERVER_NAME, or make it :80 behind a proxy",
        _everywhere(r"(SERVER_NAME[=:]\s*)(.*)$", r"\\1\\2, \1"),
    ),
    (r"SERVER_NAME: ('.*') behind a proxy that terminates TLS(, and that port in the proxy)?", _server_name),
    (r"(http://:\d+) as the address of the hub's site, .*", _everywhere(r"^\S+(?= \{$)", r"\1")),
    (r"add (http://\S+) to the addresses of the site", _everywhere(r"^(\S+)(?= \{$)", r"\1, \\1")),
    (r"(http://:\d+) as the address, and bind 127\.0\.0\.1 in its site", _here(_word)),
    (r"((?:resource_identifier|issuer) https?://[^<]+)", _here(_said)),
    (r"((?:timeouts|proxy-read-timeout): \S.*|ProxyPass /\S+ \S+)", _here(_said)),
    (r"(path: \S+, pathType: Prefix)", _everywhere(PROXY_PATH, r"\1")),
    (r"strategy: \{type: Recreate\}", _everywhere(r"^  replicas: 1$", r"  replicas: 1\n  \g<0>")),
    (
        r"replica\w+: 1; the open hub is one process",
        _here(lambda line, *_: re.sub(r"(\w+: ?)\d+", r"\g<1>1", line)),
    ),
    (r"autoscaling: \{enabled: false\}; .*", _everywhere(r"enabled: true", "enabled: false")),
    (r"a PersistentVolumeClaim at /data", _everywhere(r"emptyDir: \{\}", "persistentVolumeClaim: {claimName: m}")),
    (r"(timeout server 1h) in the hub's backend", _here(_said)),
    (r"(http-check expect status 401)", _here(_said)),
    (r"(publish: '\*') beside secret", _here(_said)),
    (r"%% for each %", _here(lambda line, *_: re.sub(r"%(?=\w)", "%%", line))),
    (r"jwt\.algorithm: \S+ in mercure\.yaml, or (HS256) here", _here(_word)),
    (r"leave the quotes out", _here(lambda line, *_: line.translate({ord("'"): None, ord('"'): None}))),
    (r"single quotes around the value; .*", _here(_quoted)),
    (r"call it (MERCURE_JWT_SECRET)", _here(lambda line, _, hint: re.sub(r"MERCURE_\w+", hint[1], line, count=1))),
    (r"(timeout=3600) in the line of ProxyPass", _everywhere(r"^(\s*ProxyPass .*?)( timeout=\d+)?$", r"\\1 \1")),
    (
        r"its port (\d+)(, in MERCURE_URL)?",
        _here(lambda line, _, hint: re.sub(r"(number: |//hub:)\d+", rf"\g<1>{hint[1]}", line)),
    ),
    (r"write cors_origins, a blank, and its value", _everywhere(r"cors_origins\s*[=:]\s*", "cors_origins ")),
]


def cases() -> Iterator[tuple[str, Files, lint.Told]]:
    """Every set of files of the tests in which something is wrong, and what is told of it."""
    for number, (expected, files, _, words) in enumerate(test_rules.CASES):
        yield f"{number} {expected}", files, test_rules.words(words)
    for name, (files, words, _) in test_rules.SAID.items():
        yield name, files, test_rules.words(words)
    beside = {"Caddyfile": test_front.SITE, ".env": test_front.APP}
    for name, (file, before, after, _) in test_front.WRONG.items():
        yield name, {file: test_front.FILES[file].replace(before, after), **beside}, PAGES
    for name, (before, after, _) in test_kubernetes.WRONG.items():
        yield name, {"deploy.yaml": test_kubernetes.GOOD.replace(before, after)}, PAGES
    for name in (name for name in test_small.NAMES if not name.startswith("import-")):
        said, listed = test_small.read(name)
        version = said["hub_version"] if said["hub_version"] != "unknown" else None
        yield name, dict(listed), replace(told(said, given=True), version=version)


def found(files: Files, words: lint.Told) -> list[Finding]:
    return list(lint.examine([*files.items()], words, lambda _: True).findings)


def done(files: Files, finding: Finding) -> Files | None:
    """The files when the hint has been done, None where it has no value to write."""
    lines = files[finding.file].splitlines() if finding.file in files else []
    if not 0 < finding.line <= len(lines):
        return None
    for pattern, does in DOES:
        hint = re.fullmatch(pattern, finding.hint)
        if hint is not None:
            return does(files, finding, hint)
    return None


ALL = list(cases())
TO_DO = [
    (f"{name}: {finding.id}", files, words, finding)
    for name, files, words in ALL
    for finding in found(files, words)
    if done(files, finding) is not None
]


@pytest.mark.parametrize(("name", "files", "words", "finding"), TO_DO, ids=[row[0] for row in TO_DO])
def test_a_hint_that_is_done_cures(name: str, files: Files, words: lint.Told, finding: Finding):
    after = done(files, finding)
    assert after is not None
    assert after != files, f"{name}: the hint changes nothing: {finding.hint}"
    before, left = found(files, words), found(after, words)
    same = [each for each in left if (each.id, each.what) == (finding.id, finding.what)]
    assert same == [], finding.hint
    # what a line that was passed over says is judged then
    new = {each.id for each in left if each.level == "error"} - {each.id for each in before}
    assert new == set() or finding.id == "directive-syntax", [each.what for each in left]


def test_enough_hints_have_a_value_to_write():
    assert len(TO_DO) > 60
    assert len({finding.id for *_, finding in TO_DO}) > 15
