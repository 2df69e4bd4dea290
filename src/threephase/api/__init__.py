"""The method for who wants no workflow: an estimator, and trained models that answer wherever they are taken."""

FORMATS = ("csv", "tsv", "jsonl", "parquet")  # how rows for a model come and go, also gzipped
