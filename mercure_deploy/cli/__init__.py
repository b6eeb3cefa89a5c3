"""Words in, words out, exit codes: the only module that prints."""

from mercure_deploy.cli.main import cli, main

__all__ = ["cli", "main"]
