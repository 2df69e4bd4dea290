"""What lies in the results folder: folders that are complete or absent, where they came from, where they lie."""
