"""Run ``groupmix run`` from a checkout: ``python run_groupmix.py --dataset=ml-100k --target=25``."""

import sys

from recbole_groupmix.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
