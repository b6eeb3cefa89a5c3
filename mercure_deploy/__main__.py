"""`python -m mercure_deploy`: the command line, nothing else."""

from mercure_deploy.cli import entry

if __name__ == "__main__":
    entry()
