"""The paper's tables, ours beside its own."""
