"""What keeps jobs alive, warm and apart. Nothing here may move a number, and no code digest counts it."""
