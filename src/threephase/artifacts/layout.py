"""Where every result lies, each path once.

Each function takes names, or wildcards in braces where a rule's pattern is wanted, and gives a folder or file below
`root`, the results folder.
"""

from importlib import import_module
from pathlib import Path

RESULTS = Path("results")
LOGS = RESULTS / "logs"
TABLES = {
    "results": "results",
    "table1": "table1_splits",
    "table2": "table2_lengths",
    "table3": "table3_accuracy",
    "table4": "table4_ablation",
    "table5": "table5_hyperparameters",
    "table6": "table6_precision_recall",
    "table7": "table7_f1",
    "audit_published": "audit_published",
    "classes": "worst_classes",
    "probes": "probes",
    "claims": "claims",
    "verdict": "verdict",
    "report": "report",
}

# Stands in the place of the base model of a baseline that reads texts alone: one training serves all of them. No base
# model is called so, since names begin with a letter or digit.
ANY_MODEL = "_any"


def reads_base_model(recipe: str) -> bool:
    """Whether a base model has a part in what a recipe trains: always in phases, in a baseline as its settings say."""
    kind, _, named = recipe.partition("-")
    if kind != "baseline":
        return True
    # Found by name, so that the code digest of whatever knows a path does not count the settings of every baseline:
    # what this says is in the paths themselves, and a baseline that says otherwise lies elsewhere.
    known = import_module("threephase.settings.baselines").BASELINES
    settings = known.get(named.partition("-")[0])
    return settings is None or settings.reads_base_model


def model_of(model: str, recipe: str) -> str:
    """The base model of a recipe as it stands in paths."""
    return model if reads_base_model(recipe) else ANY_MODEL


# Stands in paths between a dataset and one of its repeated splits: `bbc@r1f3`. No dataset's own name has it.
SPLIT = "@"


def split_name(dataset: str, split: str) -> str:
    """A dataset as it stands in paths: its name, with one of its repeated splits (`r1f3`) where it has any."""
    return f"{dataset}{SPLIT}{split}" if split else dataset


def dataset_of(name: str) -> str:
    """The dataset of a name in paths: `bbc` of `bbc@r1f3`."""
    return name.partition(SPLIT)[0]


def split_of(name: str) -> str:
    """The repeated split of a name in paths: `r1f3` of `bbc@r1f3`; empty where the dataset has one test split."""
    return name.partition(SPLIT)[2]


def downloaded_data(dataset: str, root: Path = RESULTS) -> Path:
    """Rows as they came from a hub or an address."""
    return root / "downloads" / "data" / dataset


def downloaded_model(model: str, root: Path = RESULTS) -> Path:
    """A base model as it came from a hub."""
    return root / "downloads" / "models" / model


def data(dataset: str, root: Path = RESULTS) -> Path:
    """The splits of a dataset."""
    return root / "data" / dataset


def audit(dataset: str, root: Path = RESULTS) -> Path:
    """What an audit found, as JSON; the same as text lies beside it."""
    return root / "audits" / f"{dataset}.json"


def base_model(model: str, root: Path = RESULTS) -> Path:
    """A base model made ready as an encoder."""
    return root / "models" / model


def checkpoint(dataset: str, model: str, seed: int | str, recipe: str, root: Path = RESULTS) -> Path:
    """What the phases of a recipe, or a baseline, trained."""
    return root / "checkpoints" / dataset / model_of(model, recipe) / f"seed{seed}" / recipe


def evaluation(dataset: str, model: str, seed: int | str, recipe: str, root: Path = RESULTS) -> Path:
    """A classifier's scores and predictions on the test split."""
    return root / "evaluations" / dataset / model_of(model, recipe) / f"seed{seed}" / recipe


def probe(dataset: str, model: str, seed: int | str, recipe: str, root: Path = RESULTS) -> Path:
    """What the phases of a recipe did to the encoder."""
    return root / "probes" / dataset / model / f"seed{seed}" / recipe


def base_probe(dataset: str, model: str, root: Path = RESULTS) -> Path:
    """What a base model is before any phase."""
    return root / "probes" / dataset / model / "base"


def embedding(dataset: str, model: str, seed: int | str, recipe: str, root: Path = RESULTS) -> Path:
    """Where the phases of a recipe put the test texts."""
    return root / "embeddings" / dataset / model / f"seed{seed}" / recipe


def base_embedding(dataset: str, model: str, root: Path = RESULTS) -> Path:
    """Where a base model puts them before any phase."""
    return root / "embeddings" / dataset / model / "base"


def tuning(dataset: str, model: str, group: str, root: Path = RESULTS) -> Path:
    """What a study found."""
    return root / "tuning" / dataset / model / group


def study(dataset: str, model: str, group: str, root: Path = RESULTS) -> Path:
    """A study itself: its trials and their trainings, which outlive the rules' outputs."""
    return root / "studies" / dataset / model / group


def tables(config: str | None = None, root: Path = RESULTS) -> Path:
    """The folder of a config's tables: a config with a `name` has one of its own, so that no other overwrites them."""
    return root / "tables" / config if config else root / "tables"


def table(name: str, config: str | None = None, root: Path = RESULTS) -> Path:
    """A table's files, without their endings."""
    return tables(config, root) / TABLES.get(name, name)


def pictures(dataset: str, model: str, config: str | None = None, root: Path = RESULTS) -> Path:
    """The pictures of a dataset with a base model, each with its numbers."""
    return tables(config, root) / "pictures" / dataset / model


def unfinished(root: Path = RESULTS) -> Path:
    """States of trainings that are not done, outside of what Snakemake deletes before it runs a job again."""
    return root / "unfinished"


def states(dataset: str, model: str, seed: int | str, recipe: str, root: Path = RESULTS) -> Path:
    """States of a run's training."""
    return unfinished(root) / dataset / model / f"seed{seed}" / recipe


def states_of_worker(dataset: str, model: str, group: str, worker: int, root: Path = RESULTS) -> Path:
    """States of the training that a worker of a study is at."""
    return unfinished(root) / dataset / model / f"study-{group}" / f"worker{worker}"


def repairs(root: Path = RESULTS) -> Path:
    """The count of repairs of damaged folders."""
    return root / "repairs.json"


def place_of(kind: str, *names: str) -> str:
    """What stands for a dataset, base model, checkpoint or evaluation, whatever its seed."""
    return "/".join((kind, *names))
