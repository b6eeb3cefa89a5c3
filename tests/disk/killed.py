"""killed.py ROOT TOTAL: TOTAL commits, each in a process that kills itself at the operation of its number."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import test_committing


def main() -> None:
    root, total = Path(sys.argv[1]), int(sys.argv[2])
    for number in range(total):
        test_committing.prepared(root / f"killed-{number}")
        child = os.fork()
        if not child:
            calls = test_committing.stopping(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            test_committing.renewed(root / f"killed-{number}", calls)
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")


main()
