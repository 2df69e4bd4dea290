"""The command `threephase`."""
