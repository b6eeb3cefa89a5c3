"""The pages of `--html` in a browser: readable at any width, in the light and in the dark, by themselves."""

import json
from pathlib import Path

import programs
import pytest
from conftest import Run
from logs import Log
from playwright.sync_api import sync_playwright

pytestmark = [pytest.mark.e2e, pytest.mark.against("chromium")]

# a URL so long that it has to be broken, and a hub that is not there
SPEC = f"""\
version: 1
environments:
  production:
    hub: {{url: 'https://hub.{"a" * 60}.example.com'}}
    apps:
      app: {{url: 'https://app.{"a" * 60}.example.com'}}
  staging:
    mode: development
    platform: compose
    hub: {{url: 'http://localhost', tls: proxy, port: 80}}
    apps:
      app: {{url: 'http://localhost:8000'}}
"""


@pytest.mark.proves("The page of `doctor --html` is readable at 400 and 1280 px, light and dark, by itself")
def test_the_page_of_a_diagnosis(project: Path, run: Run):
    Path("/etc/hosts").write_text("127.0.0.1 localhost\n")
    assert run("render", spec=SPEC).code == 0
    assert run("rotate-keys", "production").code == 0
    said = run("doctor", "--html", "page.html", "--timeout", "2s", "--format", "json")
    assert said.code == 1
    found = [each for env in json.loads(said.out)["environments"].values() for each in env["findings"]]
    assert len(found) > 1
    text = Path("page.html").read_text()
    ring = json.loads(Path("deploy/production/keys.json").read_text())["keys"]
    assert not [key for key in ring if key["secret"] in text]
    look(project, "doctor", [words for each in found for words in (each["message"], each["hint"])])
    # without colours, too, each outcome is a word
    assert text.count("FAIL") >= len(found)
    assert "<script" not in text
    # written again, and nothing but ours
    assert run("doctor", "--html", "page.html", "--timeout", "2s").code == 1
    Path("page.html").write_text("<p>mine</p>")
    assert run("doctor", "--html", "page.html", "--timeout", "2s").code == 2
    assert Path("page.html").read_text() == "<p>mine</p>"


@pytest.mark.proves("The page of `audit --html` is readable at 400 and 1280 px, light and dark, by itself")
def test_the_page_of_a_log(project: Path, run: Run):
    log = Log().usual(1, hours=200, rate=20)
    for number in range(5):
        log.add("publish-refused", 200 * 3600 + 650 + number, "203.0.113.99")
    log.add("stream-of-a-stranger", 3600, duration=3, origin=f"https://{'a' * 60}.example.com")
    Path("access.log").write_bytes(log.text)
    said = run("audit", "access.log", "--html", "page.html", "--format", "json")
    found = json.loads(said.out)["findings"]
    assert len(found) == 2
    look(project, "audit", [words for each in found for words in (each["message"], each["hint"])])
    text = Path("page.html").read_text()
    assert "<script" not in text
    # not more bars than can be told apart, and each says what it is of
    assert 3 * 60 < text.count("<rect") == text.count(" UTC: ") <= 3 * 96


def look(project: Path, name: str, readable: list[str]) -> None:
    """The page in a browser: pictures of it, nothing beside it, all that is to be read is there, and it asks nobody."""
    pictures = Path(__file__).parents[2] / "artifacts"
    pictures.mkdir(exist_ok=True)
    asked: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=programs.tools("chromium")["chromium"], args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for scheme in ("light", "dark"):
            for width in (400, 1280):
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
                page.on("request", lambda request: asked.append(request.url))
                page.goto(f"file://{project}/page.html")
                page.screenshot(path=pictures / f"{name}-{scheme}-{width}.png", full_page=True)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                for words in readable:
                    assert page.get_by_text(words).first.is_visible()
                assert contrast(page.evaluate(COLOURS)) > 4.5
        browser.close()
    assert set(asked) == {f"file://{project}/page.html"}


COLOURS = """[...document.querySelectorAll('.finding .word, .finding .dim, .map .word')].map(one => {
    const card = one.closest('.finding, li');
    return [getComputedStyle(one).color, getComputedStyle(card).backgroundColor];
})"""


def contrast(pairs: list[list[str]]) -> float:
    """The least contrast of text and its ground, as WCAG 2 reckons it."""

    def light(colour: str) -> float:
        parts = [int(each) / 255 for each in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert pairs
    return min((max(map(light, pair)) + 0.05) / (min(map(light, pair)) + 0.05) for pair in pairs)
