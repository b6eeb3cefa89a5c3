"""What the access log of a hub says: read as a stream, counted by hour, and what of it is out of the ordinary."""

# each import adds its rules
from mercure_deploy.audit import refused, unusual  # noqa: F401
from mercure_deploy.audit.reading import Block, blocks, following
from mercure_deploy.audit.rules import Anomaly, anomalies
from mercure_deploy.audit.tally import Known, Tally, Window

__all__ = ["Anomaly", "Block", "Known", "Tally", "Window", "anomalies", "blocks", "following"]
