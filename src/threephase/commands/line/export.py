"""`threephase export` and `threephase push`: a trained model for other people."""

import argparse
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> None:
    """Make both known to the command line."""
    leave = commands.add_parser("export", help="a model as a folder that needs no threephase, with its card")
    leave.add_argument("model", type=Path, help="folder of a run, results/checkpoints/…/dae.cl.ft, or of a saved model")
    leave.add_argument("folder", type=Path, help="the folder to write")
    leave.add_argument("--onnx", action="store_true", help="encoder and head as one ONNX graph too (the extra `onnx`)")
    leave.set_defaults(run=_export)
    push = commands.add_parser("push", help="an exported model onto a Hugging Face hub")
    push.add_argument("model", type=Path, help="folder that `export` wrote")
    push.add_argument("repository", help="owner/name on the hub")
    push.add_argument("--public", action="store_true", help="for everybody to see, where the repository is new")
    push.set_defaults(run=_push)


def _export(arguments: argparse.Namespace) -> int:
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    from threephase.api.export import export
    from threephase.api.exported import CARD

    disable_progress_bar()
    set_verbosity_error()
    export(arguments.model, arguments.folder, arguments.onnx)
    print(f"wrote {arguments.folder}; read {arguments.folder / CARD}, which says what is known of it")
    return 0


def _push(arguments: argparse.Namespace) -> int:
    from threephase.api.hub import push

    print(push(arguments.model, arguments.repository, private=not arguments.public))
    return 0
