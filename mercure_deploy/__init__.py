"""Matched configuration and keys for a Mercure hub and the Symfony apps that publish to it."""

__version__ = "0.1.0"
