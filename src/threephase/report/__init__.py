"""What a grid found as one page for any browser."""
