"""What kubectl makes of the files of an environment on Kubernetes, and a hub started from it as its pod would be."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import programs
from ruamel.yaml import YAML

Document = dict[str, Any]


def documents(text: str) -> list[Document]:
    return [each for each in YAML(typ="safe").load_all(text) if each]


def kustomized(folder: Path) -> list[Document]:
    """The objects of that folder, as `kubectl apply -k` would send them."""
    kubectl = programs.tools("kubectl")["kubectl"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    run = [kubectl, "kustomize", str(folder)]
    said = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, ""), said.stderr
    return documents(said.stdout)


def one(found: list[Document], kind: str) -> Document:
    [only] = [each for each in found if each["kind"] == kind]
    return only


def secret(path: Path) -> dict[str, str]:
    """The values of a Secret of ours, as kubectl's own reader of YAML has them."""
    lines = path.read_text().partition("stringData:\n")[2].splitlines()
    pairs = [line.strip().partition(": ") for line in lines]
    text = "env:\n" + "".join(f"  - {{name: {json.dumps(name)}, value: {value}}}\n" for name, _, value in pairs)
    argv = [programs.tools("kubernetes")["kubernetes"]]
    said = subprocess.run(argv, input=json.dumps([text]), capture_output=True, text=True, check=True, timeout=60)
    [found] = json.loads(said.stdout)
    assert not found["refused"], found
    return {str(name): str(value) for name, value in found["env"].items()}


def key_of(folder: Path, scratch: Path) -> tuple[str, str]:
    """(key, algorithm) with which the app `app` signs, of its Secret."""
    env = scratch / "app.env"
    env.write_text("".join(f"{name}={value}\n" for name, value in secret(folder / "app.secret.yaml").items()))
    return programs.signing(env, folder / "manifest.json")


def mounted(folder: Path) -> None:
    """The projected volume of the pod: what ConfigMap and Secret hold, in one folder."""
    for place in Path("/etc/mercure").iterdir():
        place.unlink()
    found = kustomized(folder)
    volumes = one(found, "Deployment")["spec"]["template"]["spec"]["volumes"]
    [sources] = [each["projected"]["sources"] for each in volumes if "projected" in each]
    config = one(found, "ConfigMap")
    assert sources[0]["configMap"]["name"] == config["metadata"]["name"]
    hub = documents((folder / "hub.secret.yaml").read_text())[0]
    assert sources[1]["secret"]["name"] == hub["metadata"]["name"]
    for name, text in {**config["data"], **hub["stringData"]}.items():
        (Path("/etc/mercure") / name).write_text(text)


@contextmanager
def hub(folder: Path, scratch: Path, **variables: str) -> Iterator[programs.Hub]:
    """The hub with its pod's command and folder; `variables` are those that the pod gets from elsewhere."""
    programs.need_isolation()
    mounted(folder)
    container = one(kustomized(folder), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    argv = [programs.tools("hub")["hub"], *container["command"][1:]]
    for leftover in Path("/data").iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/config",
        "XDG_CONFIG_HOME": "/config",
        "XDG_DATA_HOME": "/data",
    }
    log = scratch / "hub.log"
    programs.checked_caddyfile(argv, {**environment, **variables})
    with programs.process(argv, {**environment, **variables}, log) as started:
        running = programs.Hub(started, log, argv)
        programs.wait(lambda: programs.listens(80) and programs.listens(2019), "the hub listens")
        try:
            yield running
        finally:
            while programs.Stream.opened:
                programs.Stream.opened.pop().close()
