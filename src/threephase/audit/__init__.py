"""What a dataset is like: what was found in it, and what a reader of the tables should know."""
