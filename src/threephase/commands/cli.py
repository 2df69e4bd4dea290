"""The command `threephase`."""

import argparse
import io
import os
import sys
from typing import NoReturn

from threephase import __version__
from threephase.commands.line import config, data, export, grid, model, reproduction
from threephase.console import open_closed_streams
from threephase.errors import UserError, fault_of_machine, printable


class Parser(argparse.ArgumentParser):
    """Its errors are one line, whatever the arguments hold."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message.replace("\n", r"\n")))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 if all is well, 1 if the answer is no, 2 if the question was wrong."""
    open_closed_streams()
    parser = Parser(prog="threephase", description=__doc__)
    parser.add_argument("--version", action="version", version=f"threephase {__version__}")
    commands = parser.add_subparsers(required=True)
    for group in (grid, config, data, model, export, reproduction):
        group.add_commands(commands)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without '→' shows '?'
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parser.parse_args(arguments)
    try:
        code = chosen.run(chosen)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"threephase: {_in_lines(str(error), arguments)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the answer has enough, as `| head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        said = fault_of_machine(error) or f"{error.filename or 'input'}: {error.strerror or error}; name another place"
        print(f"threephase: {printable(said)}", file=sys.stderr)
        return 2


def _in_lines(text: str, arguments: list[str]) -> str:
    """An error's text, where a line end in something that the person gave ends no line."""
    for given in arguments:
        if len(given.splitlines()) > 1:
            text = text.replace(given, given.encode("unicode_escape").decode())
    return text
