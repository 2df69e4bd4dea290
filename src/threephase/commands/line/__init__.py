"""The command line: each command's arguments, and the function of the package that it calls."""
