"""Settings of phase 3."""

from typing import Literal

from pydantic import Field

from threephase.settings.common import AtLeast, Count, LabelShare, PhaseSettings, Positive, Share


class FinetuneSettings(LabelShare, PhaseSettings):
    """Phase 3, classifier on top of the encoder (section 3.3, eqs. 8 to 10)."""

    head_lr: Positive | None = Field(
        None,
        description="Peak learning rate of the head; the phase's `lr` where absent. A head on a frozen encoder needs a "
        "higher one than an encoder takes.",
        json_schema_extra={"source": "This project"},
    )
    eps: Positive = Field(
        2e-5,
        description="AdamW's epsilon; here its most common value.",
        json_schema_extra={"source": "Table 5"},
    )
    warmup: Share = Field(
        0.2,
        description="Share of max_epochs over which the learning rate rises; then as `lr_schedule` says.",
        json_schema_extra={"source": "Released code"},
    )
    lr_schedule: Literal["linear", "constant"] = Field(
        "constant",
        description="Of the learning rate after the warm-up: down to 0 at the last of `max_epochs`, or level, so that "
        "early stopping can end the training before it stands still.",
        json_schema_extra={"source": "This project; released code has linear"},
    )
    max_epochs: Count = Field(
        70,
        description="Upper bound of the passes over the training texts.",
        json_schema_extra={"source": "Table 5"},
    )
    patience: Count = Field(
        5,
        description="Epochs that `stopping` waits for.",
        json_schema_extra={"source": "Section 3.3"},
    )
    criterion: Literal["accuracy", "macro_f1", "loss"] = Field(
        "accuracy",
        description="What ranks epochs on validation rows, to keep the best and to stop; of equal scores the lower "
        "loss is better.",
        json_schema_extra={"source": "This project; section 3.3 has loss"},
    )
    stopping: Literal["patience", "rises", "none"] = Field(
        "patience",
        description="'patience': after so many epochs without a better one by `criterion`. 'rises': after as many "
        "rises of the loss in a row against the epoch before, or twice as many rows of rises that broke off, and one "
        "more epoch. 'none': after `max_epochs`.",
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
    layers: AtLeast = Field(
        0,
        description="Linear layers added on top of the encoder, identity at first, as phases 1 and 2 add one each: a "
        "control for their effect without pre-training.",
        json_schema_extra={"source": "This project's control"},
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
