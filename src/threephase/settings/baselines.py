"""The baselines by their names in the config. Only planning needs all of them; a baseline's own job needs its own."""

from threephase.settings.baseline import BaselineSettings
from threephase.settings.centroid import CentroidSettings
from threephase.settings.frozen import FrozenSettings
from threephase.settings.setfit import SetfitSettings
from threephase.settings.tfidf import TfidfSettings

# A baseline's settings and its work lie in modules of one name, here and in `baselines/`.
BASELINES: dict[str, type[BaselineSettings]] = {
    "centroid": CentroidSettings,
    "tfidf_logreg": TfidfSettings,
    "tfidf_svm": TfidfSettings,
    "frozen_logreg": FrozenSettings,
    "setfit": SetfitSettings,
}


def module_of(baseline: str) -> str:
    """The name of the modules that hold a baseline's settings and its work."""
    return BASELINES[baseline].__module__.rpartition(".")[2]
