"""The live part of `make demo`: a hub from the rendered files, who gets what from it, and a page to look at.

scripts/isolated python tests/support/demonstration.py DEMO-FOLDER [page]
"""

import json
import sys
import tempfile
from pathlib import Path

import programs
import proved
import stack
from playwright.sync_api import sync_playwright


def words(status: int) -> str:
    return f"{status}, {'accepted' if status == 200 else 'refused'}"


def line(what: str, answer: object) -> tuple[str, str]:
    print(f"  {what:<64} {answer}", flush=True)
    return what, str(answer)


def asked(hub: programs.Hub, folder: Path) -> list[tuple[str, str]]:
    """What the hub answers to whom."""
    key = programs.signing(folder / "shop.env", folder / "manifest.json")
    book = "https://example.com/books/1"
    reader = programs.Stream(book, programs.token(key, subscribe=[book]), origin="https://shop.example.com")
    other = programs.Stream(book, programs.token(key, subscribe=["https://example.com/books/2"]))
    shop = programs.token(key, publish=["*"])
    answer = hub.publish(shop, book, "a private update")
    # who has the public one that comes later would have had the private one before
    hub.publish(shop, book, "to all", private=False)
    programs.wait(lambda: "to all" in reader.events and "to all" in other.events, "the public update arrives")
    received, too = (", ".join(each for each in page.events if each != "to all") for page in (reader, other))
    stranger = programs.token(("x" * 64, "HS256"), publish=["*"])
    checked = [
        line("a page of the shop subscribes with its cookie", words(reader.status)),
        line("another page subscribes, it may see another book", words(other.status)),
        line("a page without a cookie subscribes", words(programs.Stream(book, None).status)),
        line("the shop publishes a private update", words(answer.status)),
        line("the page receives", received),
        line("the other page receives", too or "nothing"),
        line("somebody with another key publishes", words(hub.publish(stranger, book).status)),
        line("somebody without a key publishes", words(hub.publish(None, book).status)),
    ]
    for origin in ("https://shop.example.com", "https://evil.example.org"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        allowed = hub.request("OPTIONS", programs.HUB_PATH, headers=headers).headers.get("access-control-allow-origin")
        checked.append(line(f"may pages of {origin} read it?", "yes" if allowed == origin else "no"))
    return checked


def page(demo: Path, folder: Path, checked: list[tuple[str, str]]) -> None:
    """The page of the README in a browser, with what was checked beside it; its picture is kept."""
    notes = demo / "checked.json"
    programs = [proved.program(name) for name in ("hub", "php", "symfony", "chromium")]
    notes.write_text(json.dumps({"programs": programs, "answers": checked}))
    with (
        tempfile.TemporaryDirectory() as name,
        stack.visitors_machine() as machine,
        sync_playwright() as playwright,
        stack.edge(Path(name)) as edge,
        stack.app("shop", folder, Path(name) / "app-shop", roots=[edge.root], checked=str(notes)) as shop,
        stack.app("admin", folder, Path(name) / "app-admin", roots=[edge.root]) as admin,
        stack.chromium(playwright, machine, Path(name) / "browser", [edge.root]) as browser,
        stack.visits(browser, demo / "page") as visit,
    ):
        seen = visit("https://shop.example.com/")
        seen.state("open")
        updates = ["3 copies left, one was just sold", "The price is now 12.90 €"]
        line("its page, by the name https://shop.example.com, says", seen.page.locator("#state").inner_text())
        for app, update in zip((shop, admin), updates, strict=True):
            line(f"the {app.name} publishes a private update", words(app.publish(update)[0]))
        seen.shows(*updates)
        line("the page shows", " / ".join(seen.page.locator("#updates li").all_inner_texts()))


def main() -> None:
    demo = Path(sys.argv[1])
    folder = demo / "deploy/production"
    with programs.hub(folder, demo) as hub:
        print("The real hub runs from demo/deploy/production, as Coolify would start it:\n")
        checked = asked(hub, folder)
        if "page" in sys.argv[2:]:
            print("\nNow the shop itself: Symfony behind a TLS proxy, opened in a browser on another machine:\n")
            page(demo, folder, checked)
    print()


main()
