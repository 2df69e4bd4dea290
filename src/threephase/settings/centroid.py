"""Settings of the nearest centroid."""

from threephase.settings.baseline import EncoderBaselineSettings


class CentroidSettings(EncoderBaselineSettings):
    """Baseline `centroid`: the class whose mean vector is nearest by cosine, on the untouched base model."""
