"""What a grid will cost, before it runs: `threephase plan`."""
