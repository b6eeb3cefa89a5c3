"""The core of hub 1.0, as a program of the tests: told what a rendered Caddyfile says."""

import http.client
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import programs

if TYPE_CHECKING:
    import subprocess

PORT = 8123


@contextmanager
def core(folder: Path, scratch: Path, binary: str = "core", port: int = PORT) -> Iterator[None]:
    """The core, told what the rendered Caddyfile says."""
    programs.need_isolation()
    place = folder / "hub/Caddyfile"
    text = (place if place.exists() else folder / "Caddyfile").read_text()

    def said(pattern: str) -> str:
        found = re.search(pattern, text, re.DOTALL)
        return found[1] if found else ""

    key, algorithm = programs.signing(folder / "app.env", folder / "manifest.json")
    public = said(r'jwt "(-----BEGIN.*?-----END PUBLIC KEY-----)"')
    environment = {
        "PATH": os.environ["PATH"],
        "CORE_LISTEN": f"127.0.0.1:{port}",
        "CORE_ISSUER": said(r"issuer (\S+) \{"),
        "CORE_RESOURCE": said(r"resource_identifier (\S+)"),
        "CORE_ORIGINS": said(r"cors_origins ([^\n]+)"),
        "CORE_COMPATIBLE": said(r"protocol_version_compatibility (\d)"),
        "CORE_ALGORITHMS": said(r"jwks_uri \S+ ([^\n]+)") or algorithm,
        **({"CORE_JWKS": str(folder / "hub/jwks.json")} if "jwks_uri" in text else {"CORE_KEY": public or key}),
    }
    log = scratch / "core.log"
    with programs.process([programs.tools(binary)[binary]], environment, log) as process:
        programs.wait(lambda: answers(process, log, port), "the core answers")
        yield
        process.terminate()
        assert process.wait(10) == 0


def answers(process: "subprocess.Popen[bytes]", log: Path, port: int) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("GET", f"{programs.HUB_PATH}?match=x", headers={"Host": "hub.example.com"})
            with closing(connection.getresponse()) as answer:
                return answer.status == 401
    except OSError:
        return False
