"""A project with the hub inside its own server: the template's files, written anew from what they were measured to say.

The container is a process: what compose makes of the files is its environment, its files and its command.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import programs

HERE = Path(__file__).parent.parent
CADDYFILE = """\
{
	skip_install_trust
	{$CADDY_GLOBAL_OPTIONS}
	frankenphp {
		{$FRANKENPHP_CONFIG}
	}
}

{$CADDY_EXTRA_CONFIG}

{$SERVER_NAME:localhost} {
	log {
		format filter {
			request>uri query {
				replace authorization REDACTED
			}
		}
	}

	root {$DOCUMENT_ROOT}
	encode zstd br gzip

	mercure {
		publisher_jwt {env.MERCURE_PUBLISHER_JWT_KEY} {env.MERCURE_PUBLISHER_JWT_ALG}
		subscriber_jwt {env.MERCURE_SUBSCRIBER_JWT_KEY} {env.MERCURE_SUBSCRIBER_JWT_ALG}
		anonymous
		subscriptions
		{$MERCURE_EXTRA_DIRECTIVES}
	}

	vulcain

	{$CADDY_SERVER_EXTRA_DIRECTIVES}

	header ?Permissions-Policy "browsing-topics=()"

	@phpRoute {
		not path /.well-known/mercure*
		not file {path}
	}
	rewrite @phpRoute index.php

	@frontController path index.php
	php @frontController

	file_server {
		hide *.php
	}
}
"""
# what a deploy adds to its compose.yaml; everything else of the template is not about the hub
COMPOSE = """\
services:
  php:
    image: ${IMAGES_PREFIX:-}app-php
    restart: unless-stopped
    environment:
      SERVER_NAME: ${SERVER_NAME:-localhost}, php:80
      MERCURE_PUBLISHER_JWT_KEY: ${CADDY_MERCURE_JWT_SECRET:-!ChangeThisMercureHubJWTSecretKey!}
      MERCURE_SUBSCRIBER_JWT_KEY: ${CADDY_MERCURE_JWT_SECRET:-!ChangeThisMercureHubJWTSecretKey!}
      MERCURE_URL: ${CADDY_MERCURE_URL:-http://php/.well-known/mercure}
      MERCURE_PUBLIC_URL: ${CADDY_MERCURE_PUBLIC_URL:-https://${SERVER_NAME:-localhost}:${HTTPS_PORT:-443}/.well-known/mercure}
      MERCURE_JWT_SECRET: ${CADDY_MERCURE_JWT_SECRET:-!ChangeThisMercureHubJWTSecretKey!}
    volumes:
      - caddy_data:/data
      - caddy_config:/config
    ports:
      - {name: http, target: 80, published: "${HTTP_PORT:-80}", protocol: tcp}
      - {name: https, target: 443, published: "${HTTPS_PORT:-443}", protocol: tcp}
volumes:
  caddy_data:
  caddy_config:
"""
PRODUCTION = """\
services:
  php:
    build:
      context: .
      target: frankenphp_prod
    environment:
      APP_SECRET: ${APP_SECRET}
      MERCURE_PUBLISHER_JWT_KEY: ${CADDY_MERCURE_JWT_SECRET}
      MERCURE_SUBSCRIBER_JWT_KEY: ${CADDY_MERCURE_JWT_SECRET}
"""
RECIPE = """\
APP_ENV=prod
APP_SECRET=0123456789abcdef0123456789abcdef
MERCURE_URL=https://example.com/.well-known/mercure
MERCURE_PUBLIC_URL=https://example.com/.well-known/mercure
MERCURE_JWT_SECRET="!ChangeThisMercureHubJWTSecretKey!"
"""


def project(folder: Path) -> Path:
    """The files of the template in that folder."""
    for name, text in (("compose.yaml", COMPOSE), ("compose.prod.yaml", PRODUCTION), (".env", RECIPE)):
        (folder / name).write_text(text)
    (folder / "Dockerfile").write_text("FROM dunglas/frankenphp:1-php8.5 AS frankenphp_upstream\n")
    caddy = folder / "frankenphp/Caddyfile"
    caddy.parent.mkdir(exist_ok=True)
    caddy.write_text(CADDYFILE)
    return folder


def config(folder: Path, env_files: Sequence[Path | str], *compose: Path | str) -> dict[str, Any]:
    """What docker compose makes of these files of a project, as its JSON; it has nothing to say about them."""
    command = [programs.tools("compose")["compose"]]
    for name in env_files:
        command += ["--env-file", str(name)]
    for name in ("compose.yaml", "compose.prod.yaml", *compose):
        command += ["-f", str(name)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    run = [*command, "config", "--format", "json"]
    said = subprocess.run(run, cwd=folder, env=environment, capture_output=True, check=False)
    assert (said.returncode, said.stderr) == (0, b""), said.stderr.decode()
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def deployed(found: dict[str, Any]) -> dict[str, str]:
    """The environment of the container, whose files are put where it looks for them."""
    service = found["services"]["php"]
    for place in Path("/etc/mercure").iterdir():
        place.unlink()
    for each in service.get("configs", []):
        Path(each["target"]).write_text(found["configs"][each["source"]]["content"].replace("$$", "$"))
    return {name: str(value).replace("$$", "$") for name, value in service["environment"].items()}


@contextmanager
def container(environment: dict[str, str], scratch: Path, *, fresh: bool = True) -> Iterator[programs.Hub]:
    """The app's server with that environment, as its image would start it, and the app of the tests in it."""
    programs.need_isolation()
    found = programs.tools("frankenphp", "symfony")
    if fresh:
        for leftover in Path("/data").iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    caddyfile, log, empty = scratch / "Caddyfile", scratch / "franken.log", scratch / "empty.env"
    caddyfile.write_text(CADDYFILE)
    empty.write_text("")
    argv = [found["frankenphp"], "run", "--config", str(caddyfile), "--adapter", "caddyfile"]
    php = {
        "PHP_INI_SCAN_DIR": str(Path(found["frankenphp"]).parent / "php/conf.d"),
        "SYMFONY": found["symfony"],
        "APP_ENV_FILE": str(empty),
        "APP_MERCURE": str(HERE / "php/recipe.mercure.yaml"),
        "APP_PAGES": str(HERE.parent / "examples"),
        "APP_VAR": str(scratch / "var"),
        "APP_CHECKED": "",
        "APP_DEBUG": "",
        "DOCUMENT_ROOT": str(HERE / "app"),
    }
    machine = {"PATH": os.environ["PATH"], "HOME": "/config", "XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"}
    with programs.process(argv, {**machine, **php, **environment}, log) as started:
        running = programs.Hub(started, log, argv)

        def ready() -> bool:
            assert started.poll() is None, log.read_text()
            return programs.listens(2019) and programs.listens(80)

        programs.wait(ready, "the server listens")
        try:
            yield running
        finally:
            while programs.Stream.opened:
                programs.Stream.opened.pop().close()
