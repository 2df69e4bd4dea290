"""Commands about a trained model: predict, evaluate, and train, which makes one."""

import argparse
import sys
from itertools import chain
from pathlib import Path
from typing import Any

from threephase.api import FORMATS
from threephase.commands.line.arguments import add_rows, as_count, as_seed, as_share, refuse_unknown
from threephase.errors import UserError
from threephase.experiment.shipped import DEMO


def add_commands(commands: Any) -> None:
    """Make them known to the command line."""
    answer = commands.add_parser("predict", help="classes of your rows by a trained model")
    add_rows(answer)
    answer.add_argument("--out", required=True, help="where the rows go with their classes; - is the pipe")
    answer.add_argument("--out-format", choices=FORMATS, help="how they are written; by the file's name where absent")
    answer.add_argument("--all-classes", action="store_true", help="the probability of every class too")
    answer.add_argument("--min-confidence", type=as_share, default=0.0, help="rows that are less sure stay undecided")
    answer.add_argument(
        "--calibrated", action="store_true", help="probabilities scaled by the temperature of the validation rows"
    )
    answer.set_defaults(run=_predict)
    judge = commands.add_parser("evaluate", help="how right a trained model is on your labelled rows")
    add_rows(judge)
    judge.add_argument("--label", help="column of the labels; found by its name where absent")
    judge.add_argument("--json", action="store_true", help="all of it, for programs")
    judge.set_defaults(run=_evaluate)
    train = commands.add_parser("train", help="one training of the grid in this process, for debugging")
    for name in ("dataset", "model"):
        train.add_argument(name, help=f"{name} of the config")
    train.add_argument("recipe", help="the phases up to the one to train, as dae.cl; or baseline-centroid")
    train.add_argument("--seed", type=as_seed, default=1, help="the run's seed")
    train.add_argument("--configfile", type=Path, nargs="+", default=[DEMO], help="config files")
    train.add_argument("--out", type=Path, help="folder of the checkpoint; debug/<recipe> where absent")
    train.add_argument("--threads", type=as_count, default=1, help="of the processor; the grid's jobs have 1 here")
    train.set_defaults(run=_train)


def _predict(arguments: argparse.Namespace) -> int:
    from threephase.commands.predict import predict

    done = predict(
        arguments.model, _rows_given(arguments), arguments.out, arguments.out_format, arguments.all_classes,
        arguments.min_confidence, arguments.calibrated,
    )  # fmt: skip
    told = [f"{done.rows:,} rows"]
    told += [f"{done.undecided:,} undecided"] if arguments.min_confidence else []
    told += [f"{done.bad:,} bad ones left out"] if done.bad else []
    print(" · ".join(told), file=sys.stderr)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    import json

    from threephase.commands.predict import evaluate, shown

    found = evaluate(arguments.model, _rows_given(arguments))
    print(json.dumps(found, indent=2, ensure_ascii=False) if arguments.json else shown(found))
    return 0


def _rows_given(arguments: argparse.Namespace) -> Any:
    import codecs

    from threephase.commands.predict import Given

    try:
        codecs.lookup(arguments.encoding)
    except LookupError:
        raise UserError(
            f"--encoding {arguments.encoding}: there is none of that name; known are utf-8, cp1252 …"
        ) from None
    return Given(
        arguments.data, arguments.format, arguments.text, getattr(arguments, "label", None), arguments.encoding,
        arguments.quotes, arguments.skip_bad,
    )  # fmt: skip


def _train(arguments: argparse.Namespace) -> int:
    from threephase.commands.train import phase_job_of, train
    from threephase.experiment.reading import read
    from threephase.jobs.frame import configure_process

    config = read(arguments.configfile)
    refuse_unknown(arguments.dataset, [*chain.from_iterable(map(config.split_names, config.datasets))], "dataset")
    refuse_unknown(arguments.model, config.models, "model")
    configure_process(arguments.threads, online=False)
    out = arguments.out or Path("debug") / arguments.recipe
    print(train(phase_job_of(config, arguments.dataset, arguments.model, arguments.recipe, arguments.seed, out)))
    return 0
