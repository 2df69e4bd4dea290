"""Baselines: classifiers that are none of the paper's, trained on the same rows and tuned on validation.

One file each, with its settings in the module of the same name in `settings/`: centroid · tfidf · frozen · setfit.
All are a linear classifier on features (`linear.py`); `baseline.py` says what a baseline is, `run.py` what is done
around every one of them, `loading.py` how it comes back.
"""
