"""Everything that the end-to-end tests start, at once: says `standing`, then waits for the word how to end."""

import sys
import tempfile
from pathlib import Path

import engine
import programs
import stack
from cases import APPS, rendered
from playwright.sync_api import sync_playwright

with (
    tempfile.TemporaryDirectory() as name,
    stack.visitors_machine() as machine,
    sync_playwright() as driver,
):
    place = Path(name)
    for folder in ("edge", "spec"):
        (place / folder).mkdir()
    rendered_files = rendered(place / "spec", ("coolify", {}), APPS["one"])
    with (
        stack.edge(place / "edge") as edge,
        engine.engine() as docker,
        stack.app("app", rendered_files, place / "app", roots=[edge.root]),
        stack.chromium(driver, machine, place / "browser", [edge.root]) as browser,
    ):
        project = engine.Project(docker, rendered_files)
        project.up()
        edge.lead(project.address())
        page = browser.new_page()
        page.goto(f"https://app.example.com/?{programs.topic()}")
        print("standing", flush=True)
        if sys.stdin.readline() == "fail\n":
            raise SystemExit(1)
