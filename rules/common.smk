"""The experiment, what is asked of its steps, and where its results lie."""

import gc
import os
import sys
from functools import cache, partial
from pathlib import Path

from threephase.artifacts import layout
from threephase.artifacts.folders import COMPLETE, DATASET, ORIGIN
from threephase.errors import UserError, printable
from threephase.evaluation.statistics import LEAST_DATASETS
from threephase.experiment.asked import Asked
from threephase.experiment.reading import load, published_settings, read_yaml, tables_of
from threephase.experiment.recipe import Recipe
from threephase.jobs.digest import code_of
from threephase.jobs.trackers import refuse_absent
from threephase.jobs.tracking import name_tracker
from threephase.jobs.warm import FOLDER, WORKFLOW, offer_server
from threephase.plan.urgency import urgencies
from threephase.settings.phases import PHASES

# Thousands of jobs, and the package's own code, are read into objects that stay: looking for garbage among them after
# every 700 takes a fifth of a small grid's dry run, and finds none.
gc.set_threshold(50_000, 20, 100)

SHIPPED = Path(workflow.basedir) / "config"
# Relative, so that a copy of the project elsewhere has the same inputs.
PUBLISHED = Path(os.path.relpath(SHIPPED / "published"))


code = cache(partial(code_of, scripts=Path(workflow.basedir) / "workflow" / "scripts"))

try:
    for path in workflow.configfiles:
        read_yaml(Path(path))
    experiment = load(config, SHIPPED)
    ASKED = Asked(experiment, code)
    if workflow.is_main_process:
        refuse_absent(experiment.track)
except UserError as error:
    sys.exit(str(error))


def asked(of_step, *names):
    """What is asked of a step, as a function of the wildcards that name it; an error of the user's is its one line."""

    def of_wildcards(wildcards):
        try:
            return of_step(*(getattr(wildcards, name) for name in names))
        except UserError as error:
            sys.exit(str(error))

    return of_wildcards


# Jobs end with the workflow's process, even if it is killed; on another machine with the one that runs them there.
if workflow.is_main_process or workflow.remote_exec:
    os.environ.update({WORKFLOW: str(os.getpid())})
    name_tracker(experiment.track)
# Jobs on this machine start from one process that has the libraries loaded (threephase.jobs.warm).
if workflow.remote_exec or os.environ.get("THREEPHASE_COLD"):
    os.environ.pop(FOLDER, None)
elif workflow.is_main_process:
    offer_server()

# Short jobs that trainings wait for, or people: before any training that could begin.
FIRST = 100
URGENCIES = urgencies(experiment.variants)


def urgency(wildcards):
    """How early a training begins among those that could."""
    return URGENCIES.get(wildcards.recipe, 0)


# A checkpoint's path is its recipe, so variants that begin alike share checkpoints.
RUN = ("{dataset}", "{model}", "{seed}", "{recipe}")
DATA = str(layout.data("{dataset}"))
AUDIT = str(layout.audit("{dataset}"))
BASE_MODEL = str(layout.base_model("{model}"))
DOWNLOADED_DATA = str(layout.downloaded_data("{dataset}"))
DOWNLOADED_MODEL = str(layout.downloaded_model("{model}"))
CHECKPOINT = str(layout.checkpoint(*RUN))
EVALUATION = str(layout.evaluation(*RUN))
PROBE = str(layout.probe(*RUN))
BASE_PROBE = str(layout.base_probe("{dataset}", "{model}"))
EMBEDDING = str(layout.embedding(*RUN))
BASE_EMBEDDING = str(layout.base_embedding("{dataset}", "{model}"))
PICTURES = str(layout.pictures("{dataset}", "{model}", experiment.name))
TUNING = str(layout.tuning("{dataset}", "{model}", "{group}"))
LOGS = str(layout.LOGS)
RUN_LOG = (
    f"{LOGS}/{{step}}/{{{{dataset}}}}/{{{{model}}}}/seed{{{{seed}}}}/{{{{recipe}}}}.log"
)


wildcard_constraints:
    dataset="[^/]+",
    model="[^/]+",
    seed=r"\d+",
    recipe="[^/]+",
    effect="[^/]+",
    group="[^/]+",
    worker=r"\d+",


def table_files(name, *endings):
    """A table for reading, for papers and as numbers; the numbers, and a figure, are in Snakemake's own report too."""
    stem = layout.table(name, experiment.name)
    captions = {
        "csv": ("Tables", "../workflow/report/table.rst"),
        "svg": ("Figures", "../workflow/report/figure.rst"),
    }
    files = []
    for ending in ("csv", "md", "tex", *endings):
        file = f"{stem}.{ending}"
        if ending in captions:
            category, caption = captions[ending]
            labels = {"table": layout.TABLES.get(name, name)}
            file = report(file, caption=caption, category=category, labels=labels)
        files.append(file)
    return files


def training_data(*splits):
    """The files of the dataset that a phase reads. Large ones are `ancient`: their hashes stand in dataset.json."""
    tables = [ancient(f"{DATA}/{split}.parquet") for split in splits]
    return [f"{DATA}/{DATASET}", *tables]


def leaked_test(wildcards):
    """The test split, where switches of the released protocol let a phase see it: the one exception there is."""
    leaks = ASKED.sees_test(wildcards.dataset, wildcards.model, wildcards.recipe)
    return {"test": ancient(f"{DATA}/test.parquet")} if leaks else {}


def grouped(name):
    """Group of short jobs, of which a cluster gets many at once; on this machine each is a job of its own.

    Asked for each job: which executor there is, is not known while the rules are read.
    """
    return lambda wildcards: None if workflow.local_exec else name
