"""What is searched for by a study, how, and for which variants."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from threephase.settings.common import Count, Seed, Settings
from threephase.settings.faults import message
from threephase.settings.layer import Layer
from threephase.settings.phases import PHASES

Value = bool | int | float | str
LEAKS = {"train_on_test", "stopping_split"}
LEARNING_RATES: tuple[Value, ...] = (1e-6, 1e-5, 5e-5, 1e-4)
EPOCHS: tuple[Value, ...] = (2, 3, 4, 9, 12)


class Parameter(Settings):
    """Values that a study may give to a setting: a list of `choices`, or all from `low` to `high`."""

    choices: tuple[Value, ...] | None = Field(None, description="The values themselves.")
    low: float | None = Field(None, description="Smallest value.")
    high: float | None = Field(None, description="Largest value.")
    log: bool = Field(False, description="Whether to draw on a logarithmic scale.")
    integer: bool = Field(False, description="Whether values are whole numbers.")
    also: tuple[str, ...] = Field(
        (), description="Further settings that take the same value, as cl.lr beside dae.lr; without, they are separate."
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("give either `choices`, or `low` and `high`")
        if self.choices is not None and not self.choices:
            raise ValueError("`choices` is empty; name the values, or drop the setting from the space")
        if self.choices is not None and len(set(map(repr, self.choices))) < max(1, len(self.choices)):
            raise ValueError("a value stands twice in `choices`; drop one")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError("`low` must be below `high`")
        if self.log and self.low is not None and self.low <= 0:
            raise ValueError("with `log`, `low` must be above 0")
        return self

    @property
    def examples(self) -> tuple[Value, ...]:
        """Values at its ends, or all of its choices."""
        if self.choices is not None:
            return self.choices
        assert self.low is not None
        assert self.high is not None
        return (int(self.low), int(self.high)) if self.integer else (self.low, self.high)


Space = dict[str, Parameter]

# The sets that the paper's authors searched.
PAPERS_SPACE: Space = {
    "dae.lr": Parameter(choices=LEARNING_RATES, also=("cl.lr",)),
    "ft.lr": Parameter(choices=LEARNING_RATES),
    "all.max_length": Parameter(choices=("longest", "model")),
    "all.batch_size": Parameter(choices=(2, 6, 8, 12, 16, 32, 64, 128)),
    "dae.epochs": Parameter(choices=EPOCHS),
    "cl.pairs_per_text": Parameter(choices=EPOCHS),
    "dae.deletion_ratio": Parameter(choices=(0.3, 0.4, 0.5, 0.6, 0.7)),
    "ft.max_epochs": Parameter(choices=(20, 50, 70)),
    "ft.freeze": Parameter(choices=(False, True)),
    "ft.eps": Parameter(choices=(1e-8, 2e-5)),
}


class Group(Settings):
    """Variants that share what one study finds."""

    tunes: str = Field(description="The variant that the study trains.")
    gives_to: tuple[str, ...] = Field((), description="Further variants that get its values for the phases they have.")

    @property
    def variants(self) -> tuple[str, ...]:
        """All of its variants."""
        return tuple(dict.fromkeys((self.tunes, *self.gives_to)))


class TuningSettings(Settings):
    """Studies with Optuna, one for each dataset × base model × group of variants. None ever sees the test split."""

    enabled: bool = Field(False, description="Tune first, then run the grid with what was found.")
    groups: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")], Group] = Field(
        {},
        description="Groups with a study of their own, as a baseline's. All other variants take the values of one "
        "study, `main`, of the reference variant: so the paper does with its ablations.",
        json_schema_extra={"source": "Section 4.2"},
    )
    main: bool = Field(
        True,
        description="Whether the variants that no group names take the values of a study; without, they keep the "
        "config's, and stand beside those that are tuned.",
    )
    space: Space = Field(
        PAPERS_SPACE,
        description="What is searched, by `<phase>.<setting>`; `all.<setting>` is one value for all phases. A study "
        "takes those of its variant's phases.",
        json_schema_extra={"source": "Released code's sets"},
    )
    trials: Count = Field(30, description="Trials of each study; more of them later go on from those there are.")
    hours: Annotated[float, Field(gt=0)] | None = Field(
        None, description="No trial begins after so many hours of trials in a study; no limit where absent."
    )
    workers: Count = Field(
        1, description="Jobs that work on a study at once. With one, the same seed is the same study."
    )
    storage: str | None = Field(
        None,
        description="Address of a database for the studies, as postgresql://user@host/name; a journal file in the "
        "results where absent, which works on shared disks too.",
    )
    objective: Literal["loss", "accuracy", "f1"] = Field(
        "accuracy",
        description="What a trial is judged by: the last phase's validation loss, or a score on validation rows.",
    )
    seeds: tuple[Seed, ...] = Field(
        (101,),
        min_length=1,
        description="Seeds that each trial trains; the objective is their mean. None of them may be a seed of the "
        "grid: what is reported would have been chosen by.",
    )
    pruning: bool = Field(
        True, description="Stop a trial whose last phase is worse than the median of earlier ones at the same epoch."
    )
    seed: Seed = Field(0, description="Seed of the search itself.")

    @model_validator(mode="after")
    def _space_is_of_settings(self) -> Self:
        seen: set[str] = set()
        for path, parameter in self.space.items():
            for named in (path, *parameter.also):
                if named in seen:
                    raise ValueError(f"space: '{named}' stands there twice; drop one")
                seen.add(named)
            for value in parameter.examples:
                layer_of({path: value}, {path: parameter})
        return self


def layer_of(values: dict[str, Any], space: Space) -> Layer:
    """Values of a study's parameters as a layer of hyper-parameters. Raises ValueError for what no phase has."""
    blocks: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        for named in (path, *space[path].also):
            phase, _, setting = named.partition(".")
            if phase not in (*PHASES, "all") or not setting:
                raise ValueError(
                    f"space: '{named}' is not <phase>.<setting>, with a phase of {', '.join(PHASES)} or all"
                )
            if setting in LEAKS:
                raise ValueError(f"space: '{named}' would show the test split to a study; drop it")
            blocks.setdefault(phase, {})[setting] = value
    try:
        return Layer.model_validate(blocks)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise ValueError(f"space: {place}: {message(fault)}") from None


def part_of(space: Space, phases: list[str]) -> Space:
    """The parameters that act on some phases."""
    return {
        path: parameter
        for path, parameter in space.items()
        if any(named.partition(".")[0] in (*phases, "all") for named in (path, *parameter.also))
    }
