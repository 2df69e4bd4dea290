"""What can be set, block by block: defaults, descriptions, and where in the paper they come from."""
