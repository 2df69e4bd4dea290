"""The config, checked once, and what the rules ask of it."""

import json
import os
import sys
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from types import SimpleNamespace

from threephase.config import load, published_settings, refuse_doubled_keys
from threephase.data.places import fingerprint, files_of, local_files
from threephase.errors import UserError
from threephase.grid import parent, prefixes, recipe, recipe_pattern
from threephase.provenance import PACKAGE, code_digest
from threephase.settings.dataset import SHOWN_ONLY
from threephase.settings.phases import PHASES
from threephase.warm import FOLDER, WORKFLOW, folder_for

try:
    for path in workflow.configfiles:
        refuse_doubled_keys(Path(path))
    settings = load(config, Path(workflow.basedir) / "config")
    RUNS = settings.runs()
    DATASETS = {run.dataset: settings.dataset_settings(run.dataset) for run in RUNS}
    MODELS = {run.model: settings.model_settings(run.model) for run in RUNS}
    TABLE_5 = published_settings(Path(workflow.basedir) / "config")
except UserError as error:
    sys.exit(str(error))

# The variant that other things are measured by: the config's word for it, or the first where the grid lacks it.
REFERENCE = settings.variants.get(
    settings.tables.reference, next(iter(settings.variants.values()))
)
# Only for the lines that jobs show: in their params it would train them again whenever a variant joins.
os.environ.update(THREEPHASE_VARIANTS=json.dumps(settings.variants_by_recipe()))

# Jobs end with the workflow's process, even if it is killed; on another machine with the one that runs them there.
if workflow.is_main_process or workflow.remote_exec:
    os.environ.update({WORKFLOW: str(os.getpid())})
# Jobs on this machine start from one process that has the libraries loaded (threephase.warm).
if workflow.remote_exec or os.environ.get("THREEPHASE_COLD"):
    os.environ.pop(FOLDER, None)
else:
    warm = folder_for(os.getpid(), Path(gettempdir()))
    os.environ.setdefault(FOLDER, str(warm))

# A checkpoint's path is its recipe, so variants that begin alike share checkpoints.
DATA = "results/data/{dataset}"
AUDIT_STEM = "results/audits/{dataset}"
AUDIT = f"{AUDIT_STEM}.json"
BASE_MODEL = "results/models/{model}"
DOWNLOADED_DATA = "results/downloads/data/{dataset}"
DOWNLOADED_MODEL = "results/downloads/models/{model}"
CHECKPOINT = "results/checkpoints/{dataset}/{model}/seed{seed}/{recipe}"
STUDY = "results/tuning/{dataset}/{model}/{group}"
EVALUATION = "results/evaluations/{dataset}/{model}/seed{seed}/{recipe}"
# Relative, so that a copy of the project elsewhere has the same inputs.
PUBLISHED = Path(os.path.relpath(Path(workflow.basedir) / "config" / "published"))
RUN_LOG = "results/logs/{step}/{{dataset}}/{{model}}/seed{{seed}}/{{recipe}}.log"


wildcard_constraints:
    dataset="[^/]+",
    model="[^/]+",
    seed=r"\d+",
    recipe="[^/]+",
    effect="[^/]+",
    group="[^/]+",
    worker=r"\d+",


def code(script):
    """Digest of a rule's code, for its params: the script and all of the package that it reaches."""
    return code_digest(Path(workflow.basedir) / "workflow" / "scripts" / script)


# Two trials are comparable if the phases are the same, whatever becomes of the search around them.
PHASES_CODE = code_digest(PACKAGE / "phases" / "all.py")


def parent_checkpoint(wildcards):
    """What a recipe starts from: the checkpoint one phase shorter, or the base model."""
    before = parent(wildcards.recipe)
    folder = CHECKPOINT if before else BASE_MODEL
    named = dict(wildcards.items()) | {"recipe": before}
    return f"{folder}/complete.json".format(**named)


def training_data(*splits):
    """The files of the dataset that a phase reads. Large ones are `ancient`: their hashes stand in dataset.json."""
    tables = [ancient(f"{DATA}/{split}.parquet") for split in splits]
    return [f"{DATA}/dataset.json", *tables]


def leaked_test(wildcards):
    """The test split, where switches of the released protocol let a phase see it: the one exception there is."""
    given = settings.phase_settings(
        wildcards.dataset, wildcards.model, wildcards.recipe
    )
    test = f"{DATA}/test.parquet".format(dataset=wildcards.dataset)
    return {"test": ancient(test)} if given.sees_test else {}


def download_settings(wildcards):
    """What a download fetches: not what is made of its columns afterwards."""
    source = DATASETS[wildcards.dataset].source
    later = {"label_map", "encodings", "copy_columns"}
    return source.model_dump(
        exclude=later | ({"text", "labels"} if source.hub else set())
    )


def raw_data(wildcards):
    """What a dataset is made of, where that is a download."""
    downloaded = DATASETS[wildcards.dataset].source.kind in {"hub", "url"}
    return {"downloaded": f"{DOWNLOADED_DATA}/origin.json"} if downloaded else {}


def raw_model(wildcards):
    """What a base model is made of, where that is a download."""
    downloaded = MODELS[wildcards.model].hub is not None
    return {"downloaded": f"{DOWNLOADED_MODEL}/origin.json"} if downloaded else {}


@cache
def raw_data_hash(dataset):
    """Hash of the user's own files: an edited one makes its dataset anew, a touched one does not."""
    made = Path(f"{DATA}/dataset.json".format(dataset=dataset))
    try:
        return fingerprint(local_files(DATASETS[dataset].source))
    except UserError as error:
        if (
            made.exists()
        ):  # the splits are here, though the files they were made of are not
            return json.loads(made.read_text()).get("raw")
        sys.exit(f"config: datasets.{dataset}: {error}")


@cache
def raw_model_hash(model):
    """Hash of the files of a base model that is a folder of the user's."""
    given = MODELS[model]
    local = given.hub is None and given.package is None and Path(given.path).is_dir()
    return fingerprint(files_of(Path(given.path))) if local else None


def dataset_settings(wildcards):
    """What makes the splits. Not the title, which tables show, and not how scores are averaged."""
    return DATASETS[wildcards.dataset].model_dump(exclude=SHOWN_ONLY)


def model_settings(wildcards):
    """What makes a base model; not its title."""
    return MODELS[wildcards.model].model_dump(exclude={"title"})


def models_of(dataset):
    """The base models that the grid puts on a dataset."""
    return list(dict.fromkeys(run.model for run in RUNS if run.dataset == dataset))


def models_of_dataset(wildcards):
    """Their folders, by the small file that closes each."""
    folders = [
        f"{BASE_MODEL}/complete.json".format(model=model)
        for model in models_of(wildcards.dataset)
    ]
    return folders


def max_lengths(wildcards):
    """The length rule of phase 3 for each base model on a dataset."""
    recipe_of_ft = recipe(REFERENCE)
    return {
        model: settings.phase_settings(
            wildcards.dataset, model, recipe_of_ft
        ).max_length
        for model in models_of(wildcards.dataset)
    }


def imbalance_ratios(wildcards):
    """The (minratio, maxratio) of each form of imbalance correction in the grid, under the first variant with it."""
    found = {}
    model = models_of(wildcards.dataset)[0]
    for variant, steps in settings.variants.items():
        for part in prefixes(steps):
            if part[-1].phase == "cl":
                given = settings.phase_settings(wildcards.dataset, model, recipe(part))
                if given.imbalance == "correct":
                    found.setdefault((given.minratio, given.maxratio), variant)
    return {variant: ratios for ratios, variant in found.items()}


def audited():
    """The datasets of the grid. With `tables: {partial: true}` only those that have been audited."""
    partial = settings.tables.partial
    return [
        name
        for name in DATASETS
        if not partial or Path(AUDIT.format(dataset=name)).exists()
    ]


def data_table_input():
    """What Tables 1 and 2 are made of."""
    return [
        path.format(dataset=name)
        for name in audited()
        for path in (f"{DATA}/dataset.json", AUDIT)
    ]


def data_table_params():
    """Which datasets and base models Tables 1 and 2 show, and the config's words for them."""
    titles = settings.titles()
    return {
        "datasets": audited(),
        "titles": titles,
        "models": {model: titles.get(model, model) for model in MODELS},
        "expected": expected_rows(),
    }


def expected_rows():
    """The rows that each dataset of the grid should have."""
    return {name: given.expected.model_dump() for name, given in DATASETS.items()}


def hyperparameter_columns():
    """Dataset, base model, and the settings of the reference variant's phases: resolved, and Table 5's."""
    columns = []
    for dataset, model in dict.fromkeys((run.dataset, run.model) for run in RUNS):
        paper = TABLE_5.get(dataset, {}).get(model)
        ours = {
            part[-1]
            .phase: settings.phase_settings(dataset, model, recipe(part))
            .model_dump()
            for part in prefixes(REFERENCE)
        }
        theirs = {phase: paper.given(phase) for phase in ours} if paper else {}
        columns.append((dataset, model, ours, theirs))
    return columns


def scoring_settings(wildcards):
    """How precision, recall and F1 of a dataset are averaged."""
    dataset = DATASETS[wildcards.dataset]
    return {"averaging": dataset.averaging, "positive": dataset.positive}


def phase_settings(wildcards):
    """Resolved settings of the last phase of a recipe."""
    return settings.phase_settings(
        wildcards.dataset, wildcards.model, wildcards.recipe
    ).model_dump()


def tuned_steps(wildcards):
    """What a study trains."""
    return settings.tuned_steps(wildcards.dataset, wildcards.model, wildcards.group)


def tuned_values(dataset, model, of_recipe):
    """The file of what a study found for the last phase of a recipe."""
    phase = of_recipe.rpartition(".")[2].partition("-")[0]
    group = settings.group_of(of_recipe)
    return f"{STUDY}/{phase}.json".format(dataset=dataset, model=model, group=group)


def tuned_input(wildcards):
    """What a study found for a phase, where studies run first."""
    if not settings.tuned:
        return {}
    return {"tuned": tuned_values(wildcards.dataset, wildcards.model, wildcards.recipe)}


def fixed_settings(wildcards):
    """The settings that no study changes: those that the variant sets itself."""
    return settings.fixed(wildcards.recipe) if settings.tuned else []


def tuned_of_columns():
    """What studies found for the phases of each column of Table 5."""
    if not settings.tuned:
        return []
    return [
        tuned_values(dataset, model, recipe(part))
        for dataset, model, _, _ in hyperparameter_columns()
        for part in prefixes(REFERENCE)
    ]


def studies():
    """What every study of the grid found."""
    if not settings.tuned:
        return []
    return list(
        dict.fromkeys(
            f"{STUDY}/best.yaml".format(
                dataset=run.dataset,
                model=run.model,
                group=settings.group_of(run.recipe),
            )
            for run in RUNS
        )
    )


def runs_of(variants):
    """The runs of some variants. With `tables: {partial: true}` only those that have been evaluated."""
    runs = [run for run in RUNS if run.variant in variants]
    partial = settings.tables.partial
    return [run for run in runs if not partial or Path(evaluations([run])[0]).exists()]


def evaluations(runs):
    """One file for each run; runs that share a recipe share the file."""
    return list(
        dict.fromkeys(
            f"{EVALUATION}/complete.json".format(**run._asdict()) for run in runs
        )
    )


def runs_by_target():
    """The runs that each dataset and each variant stands for on the command line."""
    targets = {}
    for run in RUNS:
        targets.setdefault(run.dataset, []).append(run)
        targets.setdefault(run.variant, []).append(run)
    return targets


def asked(runs):
    """What config and code ask of all that some runs rest on, by folder without the seed."""
    wanted = {}
    for dataset, model, variant in dict.fromkeys(run[:3] for run in runs):
        cell = {"dataset": dataset, "model": model}
        raw = {"raw": raw_data_hash(dataset)}
        wanted[f"data/{dataset}"] = as_asked("dataset", dataset_settings, cell) | raw
        raw = {"raw": raw_model_hash(model)}
        wanted[f"models/{model}"] = as_asked("base_model", model_settings, cell) | raw
        for part in prefixes(settings.variants[variant]):
            cell["recipe"] = recipe(part)
            place = f"{dataset}/{model}/{recipe(part)}"
            wanted[f"checkpoints/{place}"] = as_asked(
                part[-1].phase, phase_settings, cell
            )
            if settings.tuned:
                wanted[f"checkpoints/{place}"] |= {
                    "tuned": tuned_values(dataset, model, recipe(part)),
                    "fixed": settings.fixed(recipe(part)),
                }
        wanted[f"evaluations/{place}"] = as_asked("evaluate", scoring_settings, cell)
    return wanted


def as_asked(step, settings_of, cell):
    """Settings and code of one step, as its rule hands them to its script."""
    return {
        "settings": settings_of(SimpleNamespace(**cell)),
        "code": code(f"{step}.py"),
    }


def table_files(stem):
    """A table for reading, for papers and as numbers."""
    return [f"results/tables/{stem}.{ending}" for ending in ("csv", "md", "tex")]


def table_params(variants):
    """What a table is made of: its runs, what was asked of them, and the config's words for them."""
    runs = runs_of(variants)
    return {
        "runs": [tuple(run) for run in runs],
        "asked": asked(runs),
        "missing": sum(run.variant in variants for run in RUNS) - len(runs),
        "variants": [variant for variant in variants if variant in settings.variants],
        "reference": settings.tables.reference,
        "titles": settings.titles(),
        "expected": expected_rows(),
    }


def effect_variants(effect):
    """All variants that a table of effects compares."""
    against = settings.tables.effects[effect].against
    return list(
        dict.fromkeys(
            name for base, others in against.items() for name in (base, *others)
        )
    )


def effect_input(wildcards):
    """The evaluations that a table of effects is made of."""
    return evaluations(runs_of(effect_variants(wildcards.effect)))


@cache
def effect_params(effect):
    """The runs of a table of effects, and what was asked of them."""
    return table_params(effect_variants(effect))
