"""competing.py ROOT NUMBER: commit files whose content is NUMBER under the lock, over and over for 1000."""

import sys
from pathlib import Path

from mercure_deploy import disk
from mercure_deploy.file import PUBLIC, SECRET, File


def main() -> None:
    root, number = Path(sys.argv[1]), int(sys.argv[2])

    def waiting() -> None:
        sys.stdout.write("waiting\n")
        sys.stdout.flush()

    for turn in range(number, 10**6 if number == 1000 else number + 1):
        content = f"{turn}\n".encode()
        files = [
            File("p/keys.json", content, SECRET),
            File("p/app.env", content, SECRET),
            File("p/Caddyfile", b"public " + content, PUBLIC),
        ]
        with disk.lock(root, waiting=waiting):
            disk.commit(root, files, ours=disk.Ours([file.path for file in files]))
        if number == 1000:
            waiting()


main()
