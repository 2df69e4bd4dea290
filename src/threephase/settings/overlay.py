"""A study's values laid over settings."""

from collections.abc import Collection, Mapping
from typing import Any


def overlaid(settings: Mapping[str, Any], found: Mapping[str, Any], fixed: Collection[str]) -> dict[str, Any]:
    """A phase's settings with what a study found for it, but for what the variant sets itself (`fixed`)."""
    return {**settings, **{name: value for name, value in found.items() if name not in fixed}}
