"""The view of a run under the name by which Snakemake finds it: `snakemake --logger threephase`."""

from threephase.commands.view.handler import LogHandler, LogHandlerSettings

__all__ = ["LogHandler", "LogHandlerSettings"]
