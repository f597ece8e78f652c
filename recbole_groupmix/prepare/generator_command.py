"""The command of a generator: ``python -m MODULE FOLDER [--seed=N] [--force]`` and its own options."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def generator_command(
    module: str,
    description: str,
    write: Callable[..., Any],
    arguments: Sequence[str] | None,
    **options: tuple[str, str],
) -> None:
    """Read the arguments of a generator and write what it makes.

    Parameters
    ----------
    module : str
        Name of the generator's module.
    description : str
        What it does, for the help.
    write : callable
        Called with folder, seed, `force` and the generator's own options.
    arguments : sequence of str, optional
        Default those of the process.
    **options : (str, str)
        Default and help of each further option.

    Raises
    ------
    SystemExit
        With status 2 and one line for arguments that cannot be used.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("folder", type=Path)
    for name, (default, says) in options.items():
        parser.add_argument(f"--{name}", default=default, help=says)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--force", action="store_true", help="replace files of other content")
    given = parser.parse_args(arguments)
    try:
        write(**vars(given))
    except ValueError as error:
        parser.error(str(error))
