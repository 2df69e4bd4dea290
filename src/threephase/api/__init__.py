"""The method for who wants no workflow: an estimator, and trained models that answer wherever they are taken."""
