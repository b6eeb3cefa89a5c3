"""Scalars without quotes: texts stay, and what YAML 1.1 takes for something else does not."""

import pytest

from mercure_deploy.facts.scalars import is_text

NONE = [*"80 012 0o17 1_000 0x1F -0b1 1e3 .5 yes Off +.Inf 5e123".split(), "9" * 32]
TEXTS = [*":80 1:30 2026-11-28 nO tRue 1.2.3 1e400 0b12 12ab -".split(), f"0x{chr(102) * 17}"]


@pytest.mark.parametrize("text", NONE)
def test_no_text(text: str):
    assert not is_text(text)


@pytest.mark.parametrize("text", TEXTS)
def test_text(text: str):
    assert is_text(text)
