"""Linear classifiers on TF-IDF features of whole texts: logistic regression and a support-vector machine."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from threephase.artifacts.folders import read_json, write_json
from threephase.baselines.baseline import Baseline, Fitted, Given
from threephase.baselines.linear import Features, Linear, calibrated, chosen, load_linear, logistic, support_vectors
from threephase.errors import DataError
from threephase.settings.tfidf import TfidfSettings

TERMS, FREQUENCIES = "terms.json", "idf.safetensors"


@dataclass(frozen=True)
class Terms:
    """N-grams of one sort with their inverse document frequencies: 1 + log(tf), times idf, each text with length 1."""

    vectoriser: Any  # TfidfVectorizer, fitted

    @classmethod
    def fitted(cls, texts: list[str], analyzer: str, shortest: int, longest: int, most: int) -> "Terms":
        """The n-grams of some texts. Raises DataError if there are none."""
        vectoriser = _vectoriser(analyzer, shortest, longest, max_features=most)
        try:
            return cls(vectoriser.fit(texts))
        except ValueError as error:
            raise DataError(f"TF-IDF finds no n-gram of sort '{analyzer}' in the training texts: {error}") from None

    @classmethod
    def saved(cls, described: dict[str, Any], idf: np.ndarray) -> "Terms":
        """From what `described` gave, and the frequencies (V,)."""
        vectoriser = _vectoriser(
            described["analyzer"], described["shortest"], described["longest"], vocabulary=described["terms"]
        )
        vectoriser.idf_ = idf
        return cls(vectoriser)

    @property
    def described(self) -> dict[str, Any]:
        """All but the frequencies, as JSON takes it; the terms in the order of their features."""
        shortest, longest = self.vectoriser.ngram_range
        terms = sorted(self.vectoriser.vocabulary_, key=self.vectoriser.vocabulary_.get)
        return {"analyzer": self.vectoriser.analyzer, "shortest": shortest, "longest": longest, "terms": terms}


def _vectoriser(analyzer: str, shortest: int, longest: int, **more: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer=analyzer, ngram_range=(shortest, longest), sublinear_tf=True, **more)


@dataclass(frozen=True)
class OnTerms:
    """A linear classifier on TF-IDF features."""

    sorts: list[Terms]
    linear: Linear

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """(n, K) probabilities of the classes for each text."""
        return self.linear.probabilities(features(self.sorts, texts))

    def save(self, folder: Path) -> None:
        """Write the terms as JSON, and all numbers as safetensors."""
        write_json(folder / TERMS, [terms.described for terms in self.sorts])
        save_file(
            {str(place): terms.vectoriser.idf_ for place, terms in enumerate(self.sorts)}, folder / FREQUENCIES
        )  # fmt: skip
        self.linear.save(folder)


def load(folder: Path) -> OnTerms:
    """Terms and classifier from their folder."""
    idf = load_file(folder / FREQUENCIES)
    sorts = [Terms.saved(described, idf[str(place)]) for place, described in enumerate(read_json(folder / TERMS))]
    return OnTerms(sorts, load_linear(folder))


def features(sorts: list[Terms], texts: list[str]) -> Features:
    """(n, V) sparse features of texts, of all sorts beside one another."""
    from scipy.sparse import hstack

    return hstack([terms.vectoriser.transform(texts) for terms in sorts], format="csr")


def fit(classifier: Callable[..., tuple[Linear, bool]], margins: bool, given: Given, settings: TfidfSettings) -> Fitted:
    """C and class weights are chosen on validation rows; margins become probabilities by a temperature set there."""
    wanted = [("word", 1, settings.words)] + ([("char_wb", 2, settings.characters)] if settings.characters else [])
    sorts = [Terms.fitted(given.train.texts, *sort, settings.max_terms) for sort in wanted]
    train, validation = (features(sorts, rows.texts) for rows in (given.train, given.validation))
    classes = given.validation.classes

    def fitted(c: float, balanced: bool) -> tuple[Linear, bool]:
        linear, converged = classifier(train, given.train.classes, given.classes, c, balanced)
        return (calibrated(linear, validation, classes) if margins else linear), converged

    linear, tried = chosen(fitted, settings.c, validation, classes)
    return Fitted(OnTerms(sorts, linear), tried)


TFIDF_LOGREG = Baseline("tfidf_logreg", TfidfSettings, partial(fit, logistic, False), load)
TFIDF_SVM = Baseline("tfidf_svm", TfidfSettings, partial(fit, support_vectors, True), load)
