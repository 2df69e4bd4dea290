"""What all settings share: strict keys, values taken as the numbers they mean."""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
MaxLength = Annotated[int, Field(ge=4)] | Literal["longest", "model"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Engine = Literal["auto", "packed", "library"]


class Settings(BaseModel):
    """A block of settings. Unknown keys are errors that name the nearest known key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        for key in given:
            if key not in cls.model_fields:
                near = get_close_matches(str(key), list(cls.model_fields), n=1)
                advice = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(cls.model_fields)}"
                raise ValueError(f"unknown key '{key}'; {advice}")
        return given


class LabelShare(Settings):
    """How many of the labels a phase may know."""

    label_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0,
        description="Share of the labelled training rows that phases 2 and 3 may see, stratified; the texts of the "
        "others serve phase 1, as all training texts do.",
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
    """What every phase needs: the optimiser (AdamW with linear decay), the length of texts, the arithmetic."""

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
        description="Share of the steps over which the learning rate rises; then linear decay.",
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
        description="Arithmetic of the matrix products. 'auto' is bf16 where the processor has it, else fp32; "
        "weights are always fp32.",
        json_schema_extra={"source": "This project"},
    )
    keep: Literal["best", "last"] = Field(
        "best",
        description="The state that is kept: of the lowest validation loss, or the last one.",
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

    @property
    def sees_test(self) -> bool:
        """Whether this training opens the test split, as only switches of the released protocol make it do."""
        return False
