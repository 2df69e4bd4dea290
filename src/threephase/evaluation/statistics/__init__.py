"""How sure a difference between classifiers is, from their predictions on the same test rows over seeds.

`crossed`: means over seeds and rows, and their variance. `bootstrap`: scores that are no means of rows. `one_seed`:
where there is one seed only. `comparisons`: which of these a score takes. `families`: Holm and verdicts.
`datasets`: over several datasets, and over repeated splits. docs/statistics.md explains them.

Everything here is in shares, not in percent. S: seeds, n: test rows, K: classes.
"""

LEAST_DATASETS = 5  # ranks over fewer say nothing
