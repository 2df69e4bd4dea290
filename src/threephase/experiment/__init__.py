"""A config becomes runs, and what is asked of each of their steps."""
