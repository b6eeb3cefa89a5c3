"""A secret in the wrong place: whatever argument or option it is pasted into, no 12 characters of it are printed."""

import base64
import secrets
import shutil
import string
from pathlib import Path

import click
import pytest
from conftest import MINIMAL, Run

from mercure_deploy import errors
from mercure_deploy.cli.main import cli
from mercure_deploy.keys import Known

ALPHABET = string.ascii_letters + string.digits
HMAC = "".join(secrets.choice(ALPHABET) for _ in range(60)) + "aZ09"
TOKEN = "eyJhbGciOiJIUzI1NiJ9." + ".".join(
    base64.urlsafe_b64encode(secrets.token_bytes(48)).decode().rstrip("=") for _ in range(2)
)


def commands(group: click.Group = cli, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        found += commands(command, (*before, name)) if isinstance(command, click.Group) else [(*before, name)]
    return found


def options(path: tuple[str, ...]) -> list[click.Option]:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found
        command = found
    return [each for each in command.params if isinstance(each, click.Option)]


def shows(text: str, secret: str) -> bool:
    return any(secret[start : start + 12] in text for start in range(len(secret) - 11))


def pasted(path: tuple[str, ...], secret: str) -> list[list[str]]:
    """The command with a secret as each argument, each option's value, an option of its own, and a user in a URL."""
    lines = [[*path, secret], [*path, secret, secret], [*path, f"--{secret}"], [*path, f"-{secret}"]]
    for option in options(path):
        value = [] if option.is_flag else [f"https://me:{secret}@hub.example.com"]
        lines += [
            [*path, option.opts[0], secret],
            [*path, f"{option.opts[0]}={secret}"],
            [*path, option.opts[0], *value],
        ]
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("secret", [HMAC, HMAC.lower().encode().hex(), TOKEN], ids=["key", "hex", "token"])
@pytest.mark.parametrize("path", [*commands(), ()], ids=" ".join)
def test_nothing_that_is_typed_in_the_wrong_place_is_echoed(
    path: tuple[str, ...], secret: str, run: Run, project: Path
):
    for line in pasted(path, secret) if path else [[secret], [f"--{secret}"]]:
        said = run(*line, spec=MINIMAL)
        for made in project.rglob(f"{secret}*"):
            # the name of a file that is there may be told
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        where = [word if secret not in word else "SECRET" for word in line]
        assert not shows(said.out + said.err, secret), where
        assert said.code in {0, 1, 2}, where


@pytest.mark.slow
@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_a_password_in_a_url_is_not_echoed(path: tuple[str, ...], run: Run):
    for option in options(path):
        if not option.is_flag:
            said = run(*path, option.opts[0], "https://user:hunter22@hub.example.com", spec=MINIMAL)
            assert "hunter22" not in said.out + said.err, option.opts


@pytest.mark.parametrize("length", [12, 13, 20, 31, 63, 64])
def test_every_piece_of_twelve_is_masked_and_none_of_eleven(length: int):
    known = Known()
    known.add(HMAC, "3f9a1c2b")
    for start in range(len(HMAC) - length + 1):
        said = known.mask(f"it says: {HMAC[start : start + length]}, it does")
        assert not shows(said, HMAC)
        assert said.startswith("it says: <")
        assert said.endswith(", it does")
    assert known.mask(f"see {HMAC[:11]}!") == f"see {HMAC[:11]}!"


def test_pieces_of_what_an_env_file_or_a_jwk_set_holds_are_masked():
    known = Known()
    known.add(HMAC, "3f9a1c2b")
    encoded = base64.urlsafe_b64encode(HMAC.encode()).decode().rstrip("=")
    for start in range(len(encoded) - 11):
        assert not shows(known.mask(f"k={encoded[start : start + 12]}"), encoded)


def test_it_is_masked_before_it_is_cut():
    known = Known()
    known.add(HMAC, "3f9a1c2b")
    errors.MASKS.append(known.mask)
    try:
        for cut in range(len("x" * 176), 176 + 64):
            assert not shows(errors.printable("x" * 176 + HMAC, cut), HMAC)
            assert HMAC[:4] not in errors.printable("x" * 176 + HMAC, cut)
    finally:
        errors.MASKS.remove(known.mask)
