"""The person in front of the terminal, as opposed to the log."""

import sys
from typing import TextIO

# Bars and closing lines go here; a job that sends stdout and stderr to its log file points this at the terminal.
terminal: TextIO = sys.stderr
