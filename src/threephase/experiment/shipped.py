"""The project's own config files, wherever it is called."""

from pathlib import Path

SHIPPED = Path(__file__).parents[3] / "config"
DEMO = SHIPPED / "config.yaml"
