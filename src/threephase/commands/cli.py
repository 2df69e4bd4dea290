"""The command `threephase`."""

import argparse
import io
import os
import sys

from threephase import __version__
from threephase.commands.line import config, data, export, grid, model, reproduction
from threephase.console import open_closed_streams
from threephase.errors import UserError, fault_of_machine, printable


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 if all is well, 1 if the answer is no, 2 if the question was wrong."""
    open_closed_streams()
    parser = argparse.ArgumentParser(prog="threephase", description=__doc__)
    parser.add_argument("--version", action="version", version=f"threephase {__version__}")
    commands = parser.add_subparsers(required=True)
    for group in (grid, config, data, model, export, reproduction):
        group.add_commands(commands)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without '→' shows '?'
    chosen = parser.parse_args(arguments)
    try:
        code = chosen.run(chosen)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"threephase: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the answer has enough, as `| head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        said = fault_of_machine(error) or f"{error.filename or 'input'}: {error.strerror or error}; name another place"
        print(f"threephase: {printable(said)}", file=sys.stderr)
        return 2
