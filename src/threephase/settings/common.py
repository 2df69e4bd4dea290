"""What all settings share: strict keys, values taken as the numbers they mean."""

import datetime
import re
import types
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
MaxLength = Annotated[int, Field(ge=4)] | Literal["longest", "model"]
AtLeast = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy and PyTorch take
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Engine = Literal["auto", "packed", "library"]
Decoder = Literal["auto", "own", "small"]
Words = Literal["auto", "blanks", "characters", "pieces", "nltk"]


TINY = 500  # texts
_UNIONS = (Union, types.UnionType)


def known(name: str, there: Collection[str], what: str) -> None:
    """Raise ValueError if there is no such name, with the nearest one that there is."""
    if name not in there:
        near = get_close_matches(str(name), list(there), n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(there) or 'none'}"
        raise ValueError(f"unknown {what} '{name}'; {advice}")


def refuse_leaving(package: str, path: str) -> None:
    """Raise ValueError for what is no name of a package, and for a path that leaves its folder."""
    if not package.isidentifier():
        raise ValueError(f"package: '{package}' is no name of a package as it is imported, without dots")
    if path.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", path):
        raise ValueError(f"'{path}' leaves the place that it lies below; write a path without '..'")


def refuse_odd_hub(name: str) -> None:
    """Raise ValueError for what a hub calls nothing by; names of one part are those of its oldest models and data."""
    if not re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", name, re.ASCII):
        raise ValueError(f"hub: {name!r} is no `owner/name`; write what stands behind the hub's address")


def as_meant(given: Any, kind: Any) -> Any:
    """What YAML read, as what a setting of this type means by it: names that look like numbers or dates are names.

    Raises ValueError for `yes` and `no` where a number or a name is meant: YAML makes truth values of them.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return as_meant(given, inner[0])
    if origin in _UNIONS:
        return _as_one_of(given, inner)
    if origin in (list, tuple) and isinstance(given, list | tuple):
        return [as_meant(item, inner[0]) for item in given]
    if origin is dict and isinstance(given, Mapping):
        return {as_meant(key, inner[0]): as_meant(value, inner[1]) for key, value in given.items()}
    if kind in (int, float) and isinstance(given, bool):
        raise ValueError(f"{_truth(given)} is no number; write the number")
    return _as_name(given) if kind is str else given


def _as_one_of(given: Any, kinds: tuple[Any, ...]) -> Any:
    plain = [kind for union in kinds for kind in _kinds(union)]
    if isinstance(given, list | tuple | Mapping):
        fitting = [kind for kind in plain if get_origin(kind) in (list, tuple, dict)]
        return as_meant(given, fitting[0]) if fitting else given
    if bool in plain or not {int, float, str} & set(plain):
        return given
    if isinstance(given, bool) or not {int, float} & set(plain):
        return as_meant(given, next(kind for kind in plain if kind in (int, float, str)))
    return given


def _kinds(kind: Any) -> list[Any]:
    """The types that an annotation is made of."""
    if get_origin(kind) is Annotated:
        return _kinds(get_args(kind)[0])
    return [part for each in get_args(kind) for part in _kinds(each)] if get_origin(kind) in _UNIONS else [kind]


def _as_name(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError(f"{_truth(given)} is no name to YAML; put the name in quotes")
    if isinstance(given, datetime.datetime):
        raise ValueError("a time is no name to YAML; put the name in quotes")
    return str(given) if isinstance(given, int | float | datetime.date) else given


def _truth(given: bool) -> str:
    return "yes (on, true)" if given else "no (off, false)"


class Settings(BaseModel):
    """A block of settings. Unknown keys are errors that name the nearest known key."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _as_meant(cls, given: Any, info: ValidationInfo) -> Any:
        assert info.field_name is not None
        return as_meant(given, cls.model_fields[info.field_name].annotation)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        for key in given:
            if not isinstance(key, str):
                raise ValueError(f"a key is a name, not {key!r}; put it in quotes if it is one")
            known(key, cls.model_fields, "key")
        return given


class LabelShare(Settings):
    """How many of the labels a phase may know."""

    label_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0,
        description="Share of the labelled training rows, and of the labelled validation rows, that phases 2 and 3 may "
        "see, stratified; the texts of the others serve phase 1, as all training texts do.",
        json_schema_extra={"source": "This project"},
    )


class SeesTest(Settings):
    """A leak of the released protocol: the test split's labelled rows among those that train."""

    train_on_test: bool = Field(
        False,
        description="LEAK, of the released protocol: the test rows, with their labels, are trained on too.",
        json_schema_extra={"source": "Released code, for SNIPS"},
    )

    @property
    def sees_test(self) -> bool:
        """Whether this training opens the test split."""
        return self.train_on_test


class PhaseSettings(Settings):
    """What every phase needs: the optimiser (AdamW), the length of texts, the arithmetic."""

    batch_sizes: ClassVar[tuple[str, ...]] = ("batch_size",)  # of its training steps

    lr: Positive = Field(
        1e-5,
        description="Peak learning rate of AdamW; here its most common value.",
        json_schema_extra={"source": "Table 5"},
    )
    batch_size: Count = Field(
        32,
        description="Examples (phase 2: pairs) per step.",
        json_schema_extra={"source": "Table 5"},
    )
    tiny_data_batch: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0,
        description=f"Factor on the batch size, rounded down, where the training and unlabelled texts are {TINY} or "
        "fewer.",
        json_schema_extra={"source": "Released code has 0.2"},
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(
        0.0,
        description="AdamW's weight decay.",
        json_schema_extra={"source": "Released code"},
    )
    eps: Positive = Field(
        1e-6,
        description="AdamW's epsilon.",
        json_schema_extra={"source": "Table 5, footnote 3"},
    )
    max_grad_norm: Positive = Field(
        1.0,
        description="Gradients are clipped to this norm.",
        json_schema_extra={"source": "Library default"},
    )
    warmup: Share = Field(
        0.5,
        description="Share of the steps over which the learning rate rises; then as `lr_schedule` says.",
        json_schema_extra={"source": "Released code"},
    )
    lr_schedule: Literal["linear", "constant"] = Field(
        "linear",
        description="Of the learning rate after the warm-up: down to 0 at the last step, or level.",
        json_schema_extra={"source": "Released code"},
    )
    max_length: MaxLength = Field(
        "model",
        description="Tokens per text: a number, 'longest' (1.2 × the longest training text) or 'model' "
        "(all positions of the base model); never more than the model's positions.",
        json_schema_extra={"source": "Table 5, footnotes 4 and 5"},
    )
    precision: Precision = Field(
        "auto",
        description="Arithmetic of the matrix products. 'auto' is bf16 where the processor is faster with it, else "
        "fp32; weights are always fp32.",
        json_schema_extra={"source": "This project"},
    )
    keep: Literal["best", "last"] = Field(
        "best",
        description="The state that is kept: the best one on validation, or the last one.",
        json_schema_extra={"source": "Section 3.3; released code keeps the last in phase 3 and Joint"},
    )
    engine: Engine = Field(
        "auto",
        description="What computes the encoder: 'packed' (batches without padding; BERT and RoBERTa on a CPU) or "
        "'library' (transformers' own modules). 'auto' is packed where it can be, 'library' on a GPU. Same method, "
        "other speed.",
        json_schema_extra={"source": "This project"},
    )
    compact_vocabulary: bool = Field(
        True,
        description="In phases 2 and 3, train the word embeddings of tokens that occur and leave the others alone: "
        "the same result faster. Only packed, and without weight decay.",
        json_schema_extra={"source": "This project"},
    )
    eval_batch_size: Count = Field(
        128,
        description="Examples per step where nothing is trained.",
        json_schema_extra={"source": "This project"},
    )

    def for_texts(self, texts: float) -> Self:
        """The settings on so many training and unlabelled texts: with few, `tiny_data_batch` is in the batch sizes."""
        factor = self.tiny_data_batch if texts <= TINY else 1.0
        sizes = {name: max(1, int(getattr(self, name) * factor)) for name in self.batch_sizes}
        return self.model_copy(update={**sizes, "tiny_data_batch": 1.0})

    @classmethod
    def inherited(cls, layer: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """What a layer of settings, made for other phases, means for this one."""
        return {}

    @property
    def sees_test(self) -> bool:
        """Whether this training opens the test split, as only switches of the released protocol make it do."""
        return False
