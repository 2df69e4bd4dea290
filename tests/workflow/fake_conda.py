"""A stand-in for conda: answers what Snakemake asks, and makes environments of what is installed here.

An environment holds what its file pins and nothing else, so not the project either, and writes down what runs in it.
Usage: fake_conda.py HOME ARGUMENT…, with the arguments that conda gets.
"""

import argparse
import json
import sys
from importlib.metadata import distribution
from pathlib import Path
from venv import EnvBuilder

import yaml
from packaging.requirements import Requirement

KEYS = {"name", "channels", "dependencies", "prefix", "variables"}
RAN = "ran.jsonl"
# What every Python of an environment does as it ends: write down its command, and what it loaded from another one.
WITNESS = """
import atexit, json, sys

def testify():
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if "." not in name}
    strangers = [name for name, file in files.items() if "site-packages" in file and not file.startswith(sys.prefix)]
    with open(sys.prefix + "/ran.jsonl", "a") as ran:
        print(json.dumps({"command": sys.orig_argv, "strangers": strangers}), file=ran)

atexit.register(testify)
"""


def create(file: Path, prefix: Path) -> None:
    """Make an environment, or exit with what conda or pip would stumble over."""
    given = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not set(given) <= KEYS:
        sys.exit(f"{file}: has sections that conda ignores: {', '.join(set(given) - KEYS)}")
    plain = [part for part in given["dependencies"] if isinstance(part, str)]
    if not {"python", "pip"} <= {part.partition("=")[0] for part in plain}:
        sys.exit(f"{file}: leaves python or pip to chance")
    EnvBuilder(symlinks=True).create(prefix)
    (libraries,) = prefix.glob("lib/python*/site-packages")
    (libraries / "sitecustomize.py").write_text(WITNESS)
    for part in given["dependencies"]:
        for line in part["pip"] if isinstance(part, dict) else ():
            install(line, libraries)


def install(line: str, libraries: Path) -> None:
    """Link what a pip line pins. Options and paths are refused: pip would look beside Snakemake's copy of the file."""
    pin = Requirement(line)
    if pin.url:
        sys.exit(f"{line}: is no version")
    if pin.marker and not pin.marker.evaluate():
        return
    installed = distribution(pin.name)
    if installed.version not in pin.specifier:
        sys.exit(f"{line}: what is here is {installed.version}")
    files = (installed.read_text("RECORD") or "").splitlines()
    for name in {file.partition(",")[0].partition("/")[0] for file in files} - {"..", "__pycache__"}:
        if not (libraries / name).exists():
            (libraries / name).symlink_to(str(installed.locate_file(name)))


def answer(home: str, *asked: str) -> None:
    """What conda says and does, as far as Snakemake asks."""
    match asked:
        case ["--version"]:
            print("conda 25.9.1")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": home, "platform": "linux-64"}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *options]:
            parser = argparse.ArgumentParser()
            parser.add_argument("--quiet", action="store_true")
            parser.add_argument("--no-default-packages", action="store_true")
            parser.add_argument("--file", type=Path)
            parser.add_argument("--prefix", type=Path)
            named = parser.parse_args(options)
            create(named.file, named.prefix)
        case ["clean", *_]:
            pass
        case _:
            sys.exit(f"conda {' '.join(asked)}: not known here")


if __name__ == "__main__":
    answer(*sys.argv[1:])
