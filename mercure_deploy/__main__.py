"""Where the program begins: `mercure-deploy` and `python -m mercure_deploy`."""

import gc
import os
import sys


def entry() -> None:
    """Run the command line and leave with its exit code."""
    # a descriptor that is closed would be the next file's, and what is printed would end up there
    while os.open(os.devnull, os.O_RDWR) <= 2:
        pass
    # a short run makes little garbage, and looking for it while everything is imported costs more than it frees
    gc.set_threshold(200_000)
    from mercure_deploy.cli import main  # noqa: PLC0415 - after the line above

    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    entry()
