"""Settings of linear classifiers on TF-IDF features."""

from typing import Annotated

from pydantic import Field

from threephase.settings.baseline import BaselineSettings, Penalties
from threephase.settings.common import Count


class TfidfSettings(BaselineSettings):
    """Baselines `tfidf_logreg` and `tfidf_svm`: a linear classifier on TF-IDF features of whole texts."""

    words: Count = Field(
        2,
        description="Longest n-grams of words; all shorter ones are features too.",
        json_schema_extra={"source": "This project"},
    )
    characters: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="Longest n-grams of characters within words, from 2 on, beside those of words; none where absent.",
        json_schema_extra={"source": "This project"},
    )
    max_terms: Count = Field(
        100_000,
        description="Most n-grams of each sort, the most frequent ones of the training rows.",
        json_schema_extra={"source": "This project"},
    )
    c: Penalties = Field(
        [0.1, 1.0, 10.0, 100.0],
        description="Values of C that are tried, each without class weights and with balanced ones.",
        json_schema_extra={"source": "This project"},
    )
