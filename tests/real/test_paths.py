"""Which paths a hub answers: lint calls the others wrong."""

from pathlib import Path

import programs
import pytest
from cases import APPS, HUBS, rendered

from mercure_deploy.facts.hubs import HUB_PATH, serves

pytestmark = [pytest.mark.real, pytest.mark.against("hub")]

PATHS = [
    HUB_PATH,
    f"{HUB_PATH}/",
    f"/{HUB_PATH}",
    f"{HUB_PATH}?topic=x",
    "/.well-known//mercure",
    "/.well-known/mercure/ui/",
    "/.well-known/mercure/subscriptions",
    "/.well-known/Mercure",
    "/.well-know/mercure",
    "/well-known/mercure",
    "/mercure",
    "/hub",
    "/.well-known",
    "/.well-known/mercure.",
    "/.well-known/mercur",
    "/.well-known/mercure%2F",
    "/%2ewell-known/mercure",
    "/./.well-known/mercure",
]


@pytest.mark.proves("The paths that lint takes for a hub's are those at which a hub takes updates")
def test_a_hub_takes_updates_at_one_path(tmp_path: Path):
    folder = rendered(tmp_path, HUBS["environment"], APPS["one"])
    token = programs.token(programs.signing(folder / "app.env", folder / "manifest.json"), publish=["*"])
    form, headers = {"topic": programs.topic(), "data": "x"}, {"Authorization": f"Bearer {token}"}
    with programs.hub(folder, tmp_path):
        said = {path: programs.request("POST", path, headers=headers, form=form).status for path in PATHS}
    assert {path: status == 200 for path, status in said.items()} == {path: serves(path) for path in PATHS}, said
