"""Is the method working at all? Found out before anybody reads a table."""

import math

import pandas as pd

# A variant this far below plain fine-tuning (in shares of 1) is broken, not merely worse.
RANGE = 0.15


def faults(results: pd.DataFrame, baseline: str = "FT") -> list[str]:
    """What looks broken in the rows of `results.csv`, one line each; none if all is well.

    Every run must have come to an end and beat the share of the largest test class by three standard errors, and
    every variant's mean must be no more than 15 points below that of the baseline.
    """
    failed = results[results["failed"].notna()]
    found = [
        f"{run['variant']} on {run['dataset']} with {run['model']}, seed {run['seed']}: failed, {run['failed']}"
        for run in failed.to_dict("records")
    ]
    results = results.drop(failed.index)
    for run in results.to_dict("records"):
        chance, accuracy = run["largest_class_share"], run["accuracy"]
        needed = chance + 3 * math.sqrt(chance * (1 - chance) / run["n_test"])
        if accuracy < needed:
            found.append(
                f"{run['variant']} on {run['dataset']} with {run['model']}, seed {run['seed']}: accuracy "
                f"{accuracy:.3f} does not clearly beat chance ({chance:.3f}; {needed:.3f} needed); "
                f"look at the histories of {run['recipe']}"
            )
    means = results.groupby(["dataset", "model", "variant"], sort=False)["accuracy"].mean().to_dict()
    for (dataset, model, variant), accuracy in means.items():
        reference = means.get((dataset, model, baseline), accuracy)
        if accuracy < reference - RANGE:
            found.append(
                f"{variant} on {dataset} with {model}: accuracy {accuracy:.3f} is far below {baseline}'s "
                f"{reference:.3f}; one of its phases is broken or badly set"
            )
    return found
