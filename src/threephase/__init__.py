"""Fine-tune Transformer encoders in three phases: denoising autoencoder, contrastive learning, classifier.

Reference implementation of "Combining Denoising Autoencoders with Contrastive Learning to fine-tune
Transformer Models" (EMNLP 2023). Importing this package costs nothing: heavy libraries are imported by
the modules that need them, and the estimator as it is first asked for:

    from threephase import ThreePhaseClassifier
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threephase.api.estimator import ThreePhaseClassifier

__version__ = "0.1.0"
__all__ = ["ThreePhaseClassifier", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "ThreePhaseClassifier":
        return import_module("threephase.api.estimator").ThreePhaseClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
