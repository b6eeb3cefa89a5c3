"""A page of an app that has the hub in its own server, in a browser: one origin, behind a proxy that ends TLS."""

from collections.abc import Iterator
from pathlib import Path

import franken
import programs
import pytest
import stack
from conftest import Run
from playwright.sync_api import sync_playwright

pytestmark = [pytest.mark.e2e, pytest.mark.against("frankenphp", "compose", "symfony", "chromium")]

# the name that the tests' proxy leads to port 80: here that of the app, whose server has the hub in it
HOST = "hub.example.com"
URL = f"https://{HOST}"
ARTIFACTS = Path(__file__).parents[2] / "artifacts"


@pytest.fixture
def folder(tmp_path: Path, run: Run) -> Path:
    """What was rendered for a project of the template."""
    franken.project(tmp_path)
    environment = {"platform": "frankenphp", "hub": {"image": "dunglas/frankenphp:1.12.7-php8.4"}}
    environment |= {"apps": {"app": {"url": URL}}}
    programs.spec_text({"version": 1, "environments": {"production": environment}}, tmp_path / "mercure.yaml")
    assert run("render").code == 0
    return tmp_path / "deploy/production"


@pytest.fixture
def machine() -> Iterator[str]:
    with stack.visitors_machine() as network:
        yield network


@pytest.mark.proves("A page of an app with the hub in its own server shows a private update; a visitor gets 401")
def test_a_private_update_reaches_the_page(folder: Path, tmp_path: Path, machine: str):
    environment = franken.deployed(
        franken.config(tmp_path, [".env", folder / "app.env"], folder / "compose.mercure.yaml")
    )
    edges = tmp_path / "edge"
    edges.mkdir()
    with (
        stack.edge(edges) as edge,
        franken.container(environment, tmp_path) as _,
        sync_playwright() as playwright,
        stack.chromium(playwright, machine, tmp_path / "browser", [edge.root]) as browser,
        stack.visits(browser, ARTIFACTS / "frankenphp-page") as visit,
    ):
        hosts = Path("/etc/hosts")
        # the service's name among containers
        hosts.write_text(hosts.read_text() + "127.0.0.1 php\n")
        reader, nobody = visit(f"{URL}/?user=reader"), visit(f"{URL}/?user=nobody")
        reader.state("open")
        reader.answered(200)
        nobody.state("closed")
        nobody.answered(401)
        # for this host alone, which is the hub's too
        assert reader.cookie["domain"] == HOST
        assert reader.page.evaluate(PUBLISH).startswith("urn:uuid:")
        reader.shows("of the page's own server")


PUBLISH = """async () => {
    const form = new URLSearchParams({text: "of the page's own server"});
    return await (await fetch('/', {method: 'POST', body: form})).text();
}"""
