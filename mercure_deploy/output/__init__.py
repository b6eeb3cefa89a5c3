"""The folder of -o: which rings, manifests and files are there and what ought to be; reads, and writes nothing."""

from mercure_deploy.output.rings import Known
from mercure_deploy.output.view import Know, View, known, lenient, look, lost, to_compare, to_preview, to_write

__all__ = ["Know", "Known", "View", "known", "lenient", "look", "lost", "to_compare", "to_preview", "to_write"]
