"""Templates: a stream without the cookie that is set for it, and one with a cookie that nobody sets."""

from pathlib import Path

import pytest
from conftest import Run
from judging import judged

CALL, BARE = "{{ mercure('https://x/1', {subscribe: 'https://x/1'}) }}", "{{ mercure('https://x/1') }}"
ENV = "MERCURE_PUBLIC_URL=https://hub.example.com/.well-known/mercure\n"
SITE = "https://hub.example.com {\n\tmercure {\n\t\tpublisher_jwt x\n\t\tsubscriber_jwt x\n\t\tanonymous\n\t}\n}\n"
WRONG = [
    f"<script>const e = new EventSource('{CALL}');</script>",
    f'<script>\nconst e = new EventSource(\n  "{CALL}",\n  {{withCredentials: false}}\n);</script>',
    f"<script>const url = {CALL}; new EventSource(url, {{}})</script>",
    f"<script>new EventSource('{BARE}', {{withCredentials: true}})</script>",
    f"<script>new EventSource('{BARE}', {{ 'withCredentials' : true }})</script>",
]
TWICE = [
    f"{CALL}\n{CALL}",
    f"{{% block body %}}{{% set a = {CALL[3:-3]} %}}{CALL}{{% endblock %}}",
    f"{CALL}\n{CALL[:-5]}, hub: 'default'}}) }}}}",
]
ONCE = [
    f"{{% if a %}}{CALL}{{% else %}}{CALL}{{% endif %}}",
    f"{CALL}{{# {CALL} #}}{BARE}",
    f"{{% block a %}}{CALL}{{% endblock %}}{{% block b %}}{CALL}{{% endblock %}}",
    f"{CALL}\n{CALL[:-5]}, hub: 'other'}}) }}}}",
    f"{CALL}\n{CALL[:-5]}, hub: name}}) }}}}",
]
RIGHT = [
    f"<script>new EventSource('{CALL}', {{withCredentials: true}})</script>",
    f"<script>new EventSource('{CALL}', {{ withCredentials: !0, }})</script>",
    f"<script>new EventSource('{CALL}', options)</script>",
    f"<script>new EventSource('{BARE}')</script>",
    f"{{# new EventSource('{CALL}') #}}",
    f"<script>// new EventSource('{CALL}')\n</script>",
    f'<div data-url="{CALL}"></div>',
    "<script>new EventSource('/events')</script>",
]


def page(run: Run, folder: Path, text: str, *words: str) -> set[str]:
    (folder / "templates").mkdir()
    (folder / "templates/chat.html.twig").write_text(text)
    (folder / ".env").write_text(ENV)
    return judged(run, folder, *words)


@pytest.mark.parametrize("text", WRONG)
def test_a_page_that_is_refused(run: Run, tmp_path: Path, text: str):
    assert page(run, tmp_path, text, "--app-url", "https://app.example.com") == {"credentials-not-sent"}


@pytest.mark.parametrize("text", TWICE)
def test_a_cookie_that_is_asked_for_twice(run: Run, tmp_path: Path, text: str):
    assert page(run, tmp_path, text) == {"credentials-not-sent"}


@pytest.mark.parametrize("text", ONCE)
def test_a_cookie_that_is_asked_for_once(run: Run, tmp_path: Path, text: str):
    assert page(run, tmp_path, text) == set()


@pytest.mark.parametrize("text", RIGHT)
def test_a_page_that_is_let_in_or_that_nobody_can_tell_of(run: Run, tmp_path: Path, text: str):
    assert page(run, tmp_path, text, "--app-url", "https://app.example.com") == set()


def test_a_page_of_the_hubs_own_origin_brings_its_cookie(run: Run, tmp_path: Path):
    assert page(run, tmp_path, WRONG[0], "--app-url", "https://hub.example.com") == set()


def test_a_hub_for_everybody_needs_no_cookie(run: Run, tmp_path: Path):
    (tmp_path / "Caddyfile").write_text(SITE)
    assert "credentials-not-sent" not in page(run, tmp_path, WRONG[3], "--hub-version", "0.24")
