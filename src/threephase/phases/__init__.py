"""The phases, each from (data, parent checkpoint, settings, seed) to a checkpoint."""
