"""Where a trained model comes from, as far as its folder and the results that lie beside it say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threephase.api.estimator import ESTIMATOR
from threephase.api.model import SETTINGS
from threephase.api.training import experiment_of
from threephase.artifacts import layout
from threephase.artifacts.folders import COMPLETE, DATASET, ORIGIN, read_hashes, read_json, sha256_json
from threephase.data.packages import package_folder
from threephase.errors import GivenError, UserError
from threephase.evaluation.results import saw_test
from threephase.experiment.recipe import Recipe

METRICS = "metrics.json"
PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class BaseModel:
    """What a model was fine-tuned from: its name, its name on a hub, and its licence; each None where not known."""

    name: str | None = None
    hub: str | None = None
    licence: str | None = None


@dataclass(frozen=True)
class Origin:
    """What is known of a model besides what its own folder says.

    Args:
        recipe: its phases, in order.
        dataset: what the dataset is called.
        base: what it started from.
        counts: rows of each split, by its name.
        metrics: its scores on the test split.
        evaluation: where these lie, with the predictions.
        saw_test: whether a phase was trained or stopped on the test rows, by the released protocol's switches.
    """

    recipe: Recipe | None = None
    dataset: str | None = None
    base: BaseModel = BaseModel()
    counts: dict[str, int] | None = None
    metrics: dict[str, Any] | None = None
    evaluation: Path | None = None
    saw_test: bool = False


def origin_of(folder: Path) -> Origin:
    """The origin of a model's folder: in full where it lies among the results of a grid, `…/checkpoints/…`.

    Scores count only where they are of the very files in the folder.
    """
    place = folder.resolve()
    if (folder / ESTIMATOR).exists():
        return _of_estimator(read_json(folder / ESTIMATOR)["parameters"])
    if len(place.parents) < 5 or place.parents[3].name != "checkpoints":
        return Origin()
    root, recipe, seed = place.parents[4], Recipe(place.name), place.parents[0].name.removeprefix("seed")
    model, dataset = place.parents[1].name, place.parents[2].name
    described, evaluation = layout.data(dataset, root) / DATASET, layout.evaluation(dataset, model, seed, recipe, root)
    metrics = read_json(evaluation / METRICS) if (evaluation / METRICS).exists() else {}
    if metrics.get("inputs", {}).get("checkpoint") != sha256_json(read_hashes(folder / COMPLETE)):
        metrics = None
    return Origin(
        recipe=recipe,
        dataset=dataset,
        base=_base_model(model, layout.base_model(model, root) / ORIGIN),
        counts=_counts(read_json(described)) if described.exists() else None,
        metrics=metrics,
        evaluation=evaluation if metrics else None,
        saw_test=any(
            saw_test(_settings(layout.checkpoint(dataset, model, seed, part, root))) for part in recipe.prefixes
        ),
    )


def _settings(checkpoint: Path) -> dict[str, Any]:
    """What a training recorded of its settings; nothing where it does not lie here any more."""
    return dict(read_json(checkpoint / SETTINGS)["settings"]) if (checkpoint / SETTINGS).exists() else {}


def _of_estimator(parameters: dict[str, Any]) -> Origin:
    """What the parameters of a saved estimator tell of its phases and of its base model: a folder, a hub's name, or a
    config's block.
    """
    given = parameters["base_model"]
    if isinstance(given, dict):
        place = given
    else:
        place = {"path": given} if Path(given).is_dir() or given.count("/") != 1 else {"hub": given}
    name = Path(place.get("hub") or place.get("package") or place["path"]).name
    return Origin(_recipe_of(parameters["variant"]), base=BaseModel(name, place.get("hub"), _licence(place)))


def _recipe_of(variant: Any) -> Recipe | None:
    """The phases of an estimator's variant; None for one that came from a run's folder, which is called after that."""
    try:
        name, config = experiment_of(variant, {"path": "-"}, {}, {}, seed=0)
    except GivenError:
        return None
    return config.recipe_of(name)


def _counts(described: dict[str, Any]) -> dict[str, int]:
    return {split: int(found["rows"]) for split, found in described["counts"].items()}


def _base_model(name: str, described: Path) -> BaseModel:
    if not described.exists():
        return BaseModel(name)
    origin = read_json(described)
    return BaseModel(name, origin.get("hub"), _licence(origin))


def _licence(origin: dict[str, Any]) -> str | None:
    """The licence that a base model's own card names; None where no card lies here."""
    from huggingface_hub import ModelCard

    if not origin.get("path"):
        return None
    try:
        root = package_folder(origin["package"]) if origin.get("package") else Path()
        # Read here: given a place without a card, the library would ask a hub for it.
        content = (root / origin["path"] / "README.md").read_text(encoding="utf-8")
        named = ModelCard(content, ignore_metadata_errors=True).data.get("license")
    except (OSError, ValueError, UserError):  # no card, or one that cannot be read
        return None
    return str(named) if named else None
