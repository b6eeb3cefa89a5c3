"""Public failure reports, with the files that stood in them: what is wrong is named, and nothing else is.

Each folder of `cases` is one report; its `case.yaml` says from where it is and what is wrong (`class`, `also`),
whether the files alone tell it (`must_find`), or the addresses of the report too (`must_find_given`).
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mercure_deploy import lint
from mercure_deploy.facts.origins import Origin, parse_origin
from mercure_deploy.findings import IDS, Finding

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """One report, and what `lint` finds in it: by its files, and with its addresses."""

    name: str
    said: dict[str, Any]
    alone: tuple[Finding, ...]
    given: tuple[Finding, ...]

    def ids(self, *, given: bool = False) -> set[str]:
        return {each.id for each in (self.given if given else self.alone)}


def url(text: str) -> Origin | None:
    """The address of a report, which may have no scheme."""
    found = re.match(r"(https?://)?([^/\s]+)", text)
    try:
        return parse_origin(f"{found[1] or 'https://'}{found[2]}") if found else None
    except ValueError:
        return None


def told(said: dict[str, Any], *, given: bool) -> lint.Told:
    words = said.get("must_find_given", [])
    version = said["hub_version"] if given and ("hub_version" in words or said["hub_version"] == "pre-0.11") else None
    domains = said.get("domains", {}) if given else {}
    apps = domains.get("app", [])
    pages = tuple(each for text in ([apps] if isinstance(apps, str) else apps) if (each := url(text)))
    hub = domains.get("hub")
    return lint.Told(pages, url(hub if isinstance(hub, str) else hub[0]) if hub else None, version)


@cache
def cases() -> list[Case]:
    found = []
    for folder in sorted(CASES.iterdir()):
        said = YAML(typ="safe").load(folder / "case.yaml")
        files = [(path.name, path.read_text()) for path in sorted(folder.iterdir()) if path.name != "case.yaml"]
        alone, given = (
            lint.examine(files, told(said, given=given), lambda _: True).findings for given in (False, True)
        )
        found.append(Case(folder.name, said, alone, given))
    return found


def score(case: Case) -> dict[str, list[str]]:
    said = case.said
    given = bool(said.get("must_find_given"))
    ids = case.ids(given=given)
    decidable = [said["class"]] if said["must_find"] or given else []
    also = said.get("also", [])
    wanted = {said["class"], *also, *said.get("also_given", [])}
    return {
        "hit": [each for each in decidable if each in ids],
        "missed": [each for each in decidable if each not in ids],
        "also": [each for each in also if each in case.ids() | case.ids(given=True)],
        "also missed": [each for each in also if each not in case.ids() | case.ids(given=True)],
        "extra": [f"{each.id}: {each.what}" for each in case.given if each.level == "error" and each.id not in wanted],
    }


@pytest.mark.slow
@pytest.mark.parametrize("key", ["missed", "also missed"])
def test_what_was_reported_is_named(key: str):
    found, missed = {"missed": ("hit", "missed"), "also missed": ("also", "also missed")}[key]
    totals = Counter(name for case in cases() for name, ids in score(case).items() for _ in ids)
    assert totals[found] > 20
    assert totals[found] / (totals[found] + totals[missed]) >= (0.95 if key == "missed" else 0.8)


@pytest.mark.parametrize("name", [path.name for path in sorted(CASES.iterdir())])
def test_a_case(name: str):
    [case] = [each for each in cases() if each.name == name]
    for each in (*case.alone, *case.given):
        assert each.id in IDS
        assert each.file is None or (each.line or 0) <= (CASES / name / each.file).read_text().count("\n") + 1
    if case.said["class"] == "clean":
        levels = [each.level for each in case.given]
        assert "error" not in levels, case.given
        assert len(levels) < 2
    # one mistake is one finding
    assert len(set(case.given)) == len(case.given)


@pytest.mark.parametrize("name", [path.name for path in sorted(CASES.iterdir())])
def test_no_key_of_a_case_is_shown(name: str):
    [case] = [each for each in cases() if each.name == name]
    text = "".join(
        (CASES / name / path.name).read_text() for path in (CASES / name).iterdir() if path.name != "case.yaml"
    )
    assigned = re.findall(r"(?:KEY|SECRET|TOKEN)[\"']?\s*[=:]\s*[\"']?([^\s\"'#]{6,})", text)
    secrets = [*assigned, *re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", text)]
    said = "\n".join(f"{each.what} {each.hint}" for each in (*case.alone, *case.given))
    assert [secret for secret in secrets if secret in said] == []


if __name__ == "__main__":
    totals: Counter[str] = Counter()
    for case in cases():
        result = score(case)
        totals.update({key: len(value) for key, value in result.items()})
        for key in ("missed", "also missed", "extra"):
            for each in result[key]:
                print(case.name, case.said["class"], key, each)
        if case.said["class"] == "clean":
            for each in case.given:
                print(case.name, "clean", each)
    print(totals)
