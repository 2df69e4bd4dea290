"""`threephase run`: Snakemake on this project's Snakefile, from any folder, with config files that were read first."""

import os
import sys
from itertools import takewhile
from pathlib import Path

import threephase
from threephase.artifacts import layout
from threephase.errors import UserError
from threephase.experiment.reading import read
from threephase.experiment.shipped import DEMO

SNAKEFILE = Path(threephase.__file__).parents[2] / "Snakefile"
CACHE = "XDG_CACHE_HOME"
USAGE = "threephase run [CONFIG …] [OPTION OF SNAKEMAKE …] [-- TARGET …]"
HELP = """Reads config files, each laid over those before it, and runs Snakemake on them, in the folder where you are:
  threephase run my-data.yaml -n               what would run, and why
  threephase run my-data.yaml                  all of it, on all cores
  threephase run my-data.yaml -- table3        one table and what it needs
  threephase run my-data.yaml --json           one event a line, for programs
Without a config file: the project's own, the demo. Every option: snakemake --help."""


def command(arguments: list[str]) -> list[str]:
    """The call of Snakemake for `threephase run [CONFIG …] [options of Snakemake …] [-- TARGET …]`.

    Whatever stands before the first option is a config file; without one it is the project's own. They are read here
    first: some odd YAML halts Snakemake's reader, or is read by it otherwise than it looks.

    Raises ConfigError for a faulty config, UserError where there is no Snakefile beside the package.
    """
    configs = [*takewhile(lambda given: not given.startswith("-"), arguments)]
    options = arguments[len(configs) :]
    own = options[: options.index("--")] if "--" in options else options
    if any(option.partition("=")[0] in {"--configfile", "--configfiles"} for option in own):
        raise UserError("run: config files come first, without an option's name: threephase run my-data.yaml -n")
    late = next((option for option in own if option.endswith((".yaml", ".yml")) and Path(option).is_file()), None)
    if late and not configs and layout.RESULTS not in Path(late).parents:
        raise UserError(f"run: config files come first: threephase run {late} …")
    if not SNAKEFILE.exists():
        raise UserError(f"run: there is no {SNAKEFILE}; install the package from a checkout: pip install -e .")
    paths = [Path(config) for config in configs] or [DEMO]
    read(paths)
    started = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    return [*started, "--configfile", *map(str, paths), *_viewed(own), *options[len(own) :]]


def _viewed(options: list[str]) -> list[str]:
    """Options of Snakemake with this project's view, unless another logger is named; `--json` is an option of it."""
    named = any(option.partition("=")[0] == "--logger" for option in options)
    others = [option for option in options if option != "--json"]
    as_json = ["--logger-threephase-json"] if len(others) < len(options) else []
    return [*others, *as_json, *([] if named else ["--logger", "threephase"])]


def run(arguments: list[str]) -> int:
    """Become Snakemake, which then says how it ended; asked for help alone, say how it is called."""
    if arguments in (["-h"], ["--help"]):
        print(f"usage: {USAGE}\n\n{HELP}")
        return 0
    called = command(arguments)
    refuse_no_place(working_folder(arguments))
    _keep_cache(working_folder(arguments))
    sys.stdout.flush()
    os.execv(called[0], called)


def _keep_cache(folder: Path) -> None:
    """Have Snakemake's cache among its records where it cannot lie in the home folder, or there is none."""
    try:
        cache = Path(os.environ.get(CACHE) or Path("~/.cache").expanduser()).absolute()
        there = next(place for place in (cache, *cache.parents) if place.exists())
        fits = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    except RuntimeError:  # a user of whom the machine knows no home
        fits = False
    if not fits:
        os.environ[CACHE] = str((folder / ".snakemake/cache").absolute())


def working_folder(arguments: list[str]) -> Path:
    """Where Snakemake will work: here, or in the folder that its option `--directory` names last."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    folder = "."
    for option, following in zip(own, [*own, ""][1:], strict=True):
        name, sign, value = option.partition("=")
        if name in {"--directory", "-d"}:
            folder = value if sign else following
    return Path(folder)


def refuse_no_place(folder: Path) -> None:
    """Raise UserError where Snakemake and its jobs cannot write: its records, which come first, or the results."""
    folder = folder.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"run: {there}: is a file, not a folder to work in; name another (--directory FOLDER)")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"run: {there}: cannot be written to; work in another folder (--directory FOLDER)")
    results = folder / layout.RESULTS
    if not results.is_dir() and (results.exists() or results.is_symlink()):
        raise UserError(f"run: {results}: is no folder, but where results go; move it away")
