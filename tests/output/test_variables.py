"""Keys that a file holds, whoever wrote it."""

import base64
import json

import pytest

from mercure_deploy.output.variables import keys_in

KEY = "ab" * 32


def test_the_keys_of_an_env_file_and_of_a_set_are_found():
    lines = f"# ours\nexport MERCURE_JWT_SECRET='{KEY}'\nOTHER=x\nMERCURE_SUBSCRIBER_JWT_KEY={KEY[::-1]}\n"
    assert set(keys_in(lines.encode())) >= {KEY, KEY[::-1]}
    coded = base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("=")
    assert list(keys_in(json.dumps({"keys": [{"kty": "oct", "k": coded}]}).encode())) == [KEY]


@pytest.mark.parametrize("text", ["{", '{"keys": 1}', '{"keys": [{"kty": "RSA"}]}', '{"keys": [{"k": "\\u00e9"}]}'])
def test_what_is_no_set_of_keys_holds_none(text: str):
    assert list(keys_in(text.encode())) == []
