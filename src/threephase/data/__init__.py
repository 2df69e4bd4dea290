"""Rows come in: from files, packages, hubs and addresses; cleaned, split, stored."""
