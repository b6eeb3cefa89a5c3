"""`lint`: what is wrong in files that anybody wrote; reads facts, one function for each finding id."""

# each import adds its rules
from mercure_deploy.lint import algorithms, containers, cookie, cors, keys, names, proxies, tls, tokens, urls  # noqa: F401
from mercure_deploy.lint.examining import Examined, Told, examine

__all__ = ["Examined", "Told", "examine"]
