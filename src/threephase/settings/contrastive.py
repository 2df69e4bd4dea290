"""Settings of phase 2."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from threephase.settings.common import AtLeast, Count, LabelShare, PhaseSettings, Positive, SeesTest, Share

Ratio = Annotated[float, Field(ge=1.0)]


def _words_in(file: Path) -> list[str]:
    """The words of a file, one on each line. Raises ValueError where it is no such file."""
    if not file.is_file():
        raise ValueError(f"'{file}' is no file; say english, none, or the path of a file with a word on each line")
    try:
        words = {line.strip().lower() for line in file.read_text(encoding="utf-8-sig").splitlines()} - {""}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"'{file}' cannot be read ({error}); save it as UTF-8, a word on each line") from None
    if not words or any(len(word.split()) > 1 for word in words):
        raise ValueError(f"'{file}' is no list of words; put one word on each line")
    return sorted(words)


class PairSettings(SeesTest, LabelShare):
    """The pairs of phase 2 and the layer they train; Joint does the same."""

    pairing: Literal["anchor", "side_by_side"] = Field(
        "anchor",
        description="'anchor': every text draws `pairs_per_text` positives and as many negatives. 'side_by_side': two "
        "shuffled copies of the balanced data, `pairs_per_text` × ⌊log2 K⌋ times, where a class's positives grow with "
        "the square of its size.",
        json_schema_extra={"source": "Section 3.2: 'we pick a random example'; released code has side_by_side"},
    )
    pairs_per_text: Count = Field(
        12,
        description="How many pairs each text draws, as `pairing` says.",
        json_schema_extra={"source": "Table 5 'Epochs CL'"},
    )
    projection: Literal["dense", "tanh", "none"] = Field(
        "dense",
        description="Layer added on top of the encoder, kept as part of it; 'tanh' with that activation.",
        json_schema_extra={"source": "Section 3.2"},
    )
    imbalance: Literal["correct", "none"] = Field(
        "correct",
        description="'none' neither resizes classes nor adds noise: the variant No Imb.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    minratio: Ratio = Field(
        1.5,
        description="A class is resized only if its ratio f(r) reaches this.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    maxratio: Ratio = Field(
        4.0,
        description="Largest ratio, that of a class with one row.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    resizing: Literal["sampled", "whole"] = Field(
        "sampled",
        description="A class grows to round(f · r) rows, by whole copies and a sample, or by round(f) whole copies.",
        json_schema_extra={"source": "Eq. 6; released code has whole"},
    )
    stop_word_noise: Literal["copies", "released"] = Field(
        "copies",
        description="'copies': as `noise` says. 'released': no noise on copies; with RoBERTa, before a class is "
        "resized, its texts go to lower case and each stands beside itself without stop words.",
        json_schema_extra={"source": "Section 3.2.1; released code"},
    )
    stop_words: str | list[str] = Field(
        "english",
        description="What that noise deletes: 'english', scikit-learn's list without negations; 'none'; or a file of "
        "yours for another language, with a word on each line. What it holds is what is resolved and recorded.",
        json_schema_extra={"source": "Section 3.2.1; this project"},
    )
    lower_case: bool = Field(
        False,
        description="All texts of the pairs in lower case, which a cased base model notices.",
        json_schema_extra={"source": "Released code, No Imb. with RoBERTa"},
    )
    unique_pairs: bool = Field(
        True,
        description="No pair twice, no text with itself; without it, pairs side by side are as they fall.",
        json_schema_extra={"source": "Section 3.2; released code repeats"},
    )
    noise: Share = Field(
        0.5,
        description="Probability that a stop word of an added copy is deleted.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    noise_min_words: Count = Field(
        6,
        description="Added copies of shorter texts stay as they are.",
        json_schema_extra={"source": "Section 3.2.1"},
    )
    validation_pairs_per_text: Count = Field(
        2,
        description="Rounds of the fixed pairs of validation texts.",
        json_schema_extra={"source": "This project"},
    )

    @field_validator("stop_words", mode="after")
    @classmethod
    def _listed(cls, given: str | list[str]) -> str | list[str]:
        return given if given in ("english", "none") or isinstance(given, list) else _words_in(Path(given))

    @model_validator(mode="after")
    def _ratios_in_order(self) -> Self:
        # One layer of the config may hold one of the two; what they resolve to is checked with both.
        if {"minratio", "maxratio"} <= self.model_fields_set and self.minratio > self.maxratio:
            raise ValueError(f"minratio {self.minratio:g} is above maxratio {self.maxratio:g}; swap or change one")
        return self

    @model_validator(mode="after")
    def _repeats_fall_side_by_side(self) -> Self:
        if {"pairing", "unique_pairs"} <= self.model_fields_set and self.pairing == "anchor" and not self.unique_pairs:
            raise ValueError("anchors draw no pair twice; with unique_pairs: false say `pairing: side_by_side`")
        return self


class ContrastiveSettings(PairSettings, PhaseSettings):
    """Phase 2, contrastive learning with imbalance correction (section 3.2, eqs. 2 to 7)."""

    objective: Literal["cosine_mse", "supcon", "multiple_negatives"] = Field(
        "cosine_mse",
        description="The loss on the same pairs in the same batches: eq. 3, supervised contrast among their texts, or "
        "multiple-negatives ranking of the positives' right texts. The last two know classes of the deepest level "
        "alone.",
        json_schema_extra={"source": "Eq. 3; Khosla et al. 2020; Henderson et al. 2017"},
    )
    temperature: Positive = Field(
        0.1,
        description="Of supcon and multiple_negatives; 0.05 is usual for the latter.",
        json_schema_extra={"source": "Khosla et al. 2020"},
    )
    min_steps: AtLeast = Field(
        0,
        description="Steps at the least: on small data, more pairs per text, and once these run out more passes.",
        json_schema_extra={"source": "This project"},
    )
    warmup: Share = Field(
        1 / 3,
        description="Share of the steps over which the learning rate rises; then as `lr_schedule` says.",
        json_schema_extra={"source": "Released code"},
    )
    evaluations: Count = Field(
        5,
        description="How often validation loss is measured; the best state is kept.",
        json_schema_extra={"source": "This project; released code has 10"},
    )
    selection: Literal["validation", "training"] = Field(
        "validation",
        description="Which pairs find the best state: those of validation texts, or a tenth of the training pairs, "
        "which is then not trained on.",
        json_schema_extra={"source": "Released code has training"},
    )
    criterion: Literal["loss", "spearman"] = Field(
        "loss",
        description="What finds the best state on those pairs: the lowest loss, or the highest rank correlation of "
        "cosine and label.",
        json_schema_extra={"source": "Released code has spearman"},
    )
