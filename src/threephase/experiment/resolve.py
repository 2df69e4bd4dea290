"""How layers of settings become the settings that run: the one place where hyper-parameters resolve."""

from typing import Any, Literal

from pydantic import Field

from threephase.experiment.recipe import Step
from threephase.settings.common import Settings
from threephase.settings.layer import Layer
from threephase.settings.phases import PHASES

TABLE_5 = "hyperparameters.yaml"  # among the project's own config files


class Hyperparameters(Settings):
    """Settings of the phases, from the general to the particular; the later layer wins.

    defaults of the phase ← `default` ← `models` ← `datasets` ← Table 5, if used ← `dataset_models` ← a study, if used ←
    the variant.
    """

    use: Literal["default", "paper", "tuned"] = Field(
        "default",
        description="'paper' takes Table 5 (config/hyperparameters.yaml) for the datasets and base models that it has; "
        "'tuned' what a study finds, as `tuning: {enabled: true}` does.",
    )
    default: Layer = Field(Layer(), description="For all datasets and base models.")
    models: dict[str, Layer] = Field({}, description="For one base model.")
    datasets: dict[str, Layer] = Field({}, description="For one dataset.")
    dataset_models: dict[str, dict[str, Layer]] = Field({}, description="For one dataset with one base model.")

    def origins(self, dataset: str, model: str, step: Step, published: Layer) -> dict[str, tuple[Any, str]]:
        """The settings of one phase of a variant, each with the layer of the config that it comes from.

        `published` is what Table 5 has for the dataset and base model, if it is used.
        """
        layers = {
            "hyperparameters.default": self.default,
            f"hyperparameters.models.{model}": self.models.get(model, Layer()),
            f"hyperparameters.datasets.{dataset}": self.datasets.get(dataset, Layer()),
            f"Table 5 ({TABLE_5}: {dataset}.{model})": published,
            f"hyperparameters.dataset_models.{dataset}.{model}": self.dataset_models.get(dataset, {}).get(
                model, Layer()
            ),
        }
        found: dict[str, tuple[Any, str]] = {
            name: (value, "default") for name, value in PHASES[step.phase]().model_dump().items()
        }
        for place, layer in layers.items():
            found |= {name: (value, place) for name, value in layer.given(step.phase).items()}
        return found | {name: (value, "variant") for name, value in step.overrides.items()}
