"""What a training came to: the test split, once; probes on validation rows; every run as a row."""
