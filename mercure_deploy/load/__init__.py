"""From the bytes of mercure.yaml to a spec, or to every problem in it with line and column; reads no files."""

from mercure_deploy.load.problems import LARGEST, Loaded, load

__all__ = ["LARGEST", "Loaded", "load"]
