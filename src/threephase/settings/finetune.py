"""Settings of phase 3."""

from typing import Literal

from pydantic import Field

from threephase.settings.common import Count, LabelShare, PhaseSettings, Positive, Share


class FinetuneSettings(LabelShare, PhaseSettings):
    """Phase 3, classifier on top of the encoder (section 3.3, eqs. 8 to 10)."""

    eps: Positive = Field(
        2e-5,
        description="AdamW's epsilon; here its most common value.",
        json_schema_extra={"source": "Table 5"},
    )
    warmup: Share = Field(
        0.2,
        description="Share of max_epochs over which the learning rate rises; then linear decay.",
        json_schema_extra={"source": "Released code"},
    )
    max_epochs: Count = Field(
        70,
        description="Upper bound of the passes over the training texts.",
        json_schema_extra={"source": "Table 5"},
    )
    patience: Count = Field(
        5,
        description="Stop after so many epochs without a new minimum of validation loss.",
        json_schema_extra={"source": "Section 3.3"},
    )
    stopping: Literal["minimum", "rises"] = Field(
        "minimum",
        description="What `patience` counts: epochs without a new minimum, or rises in a row against the epoch before.",
        json_schema_extra={"source": "Section 3.3; released code has rises"},
    )
    stopping_split: Literal["validation", "test"] = Field(
        "validation",
        description="'test' is a LEAK, of the released protocol: stopping and selection look at the test split.",
        json_schema_extra={"source": "Released code has test"},
    )
    encoder: Literal["pretrained", "random"] = Field(
        "pretrained",
        description="'random' draws the encoder's weights anew, which loses what earlier phases learnt.",
        json_schema_extra={"source": "Released code, plain FT of RoBERTa"},
    )
    freeze: bool = Field(
        False,
        description="Train the head only; the encoder stays as it is.",
        json_schema_extra={"source": "Table 5"},
    )
    label_level: Count | None = Field(
        None,
        description="Label level that the classifier predicts: 1 is the coarsest; the deepest where absent.",
        json_schema_extra={"source": "This project"},
    )
    head_hidden: Count = Field(
        100,
        description="Width of the head's hidden layer.",
        json_schema_extra={"source": "Released code"},
    )
    head_dropout: Share = Field(
        0.3,
        description="Dropout before each of the head's layers.",
        json_schema_extra={"source": "Released code"},
    )
    head_activation: Literal["relu", "none"] = Field(
        "relu",
        description="Between the head's two layers; 'none' makes the head linear.",
        json_schema_extra={"source": "This project; released code has none"},
    )

    @property
    def sees_test(self) -> bool:
        """Whether this training opens the test split."""
        return self.stopping_split == "test"
