"""A temperature comes from validation rows, stays with the model, and moves no probability by itself."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trainings import settings_of, train

from threephase.artifacts.folders import read_json
from threephase.data.store import Splits
from threephase.evaluation.evaluate import evaluate
from threephase.evaluation.predictor import load_predictor
from threephase.method.calibration import expected_calibration_error, fit_temperature, scaled
from threephase.phases.finetune import FT


@pytest.mark.parametrize("freeze", [False, True])
def test_a_temperature_is_that_of_the_validation_rows(
    freeze: bool, dataset: Path, base_models: dict[str, Path], tmp_path: Path
) -> None:
    run = train(FT, dataset, base_models["bert"], tmp_path / "ft", freeze=freeze)
    predictor = load_predictor(run, settings_of(run))
    validation, test = (Splits(dataset).read(split) for split in ("validation", "test"))
    fitted = fit_temperature(predictor.probabilities(validation.texts), validation.labels[:, 0])
    assert predictor.temperature == pytest.approx(fitted, rel=1e-3)
    assert predictor.temperature != 1.0
    evaluate(dataset, run, tmp_path / "evaluation")
    told = read_json(tmp_path / "evaluation/metrics.json")["calibration"]
    written = pd.read_parquet(tmp_path / "evaluation/predictions.parquet").filter(like="probability_").to_numpy()
    assert np.array_equal(written, predictor.probabilities(test.texts))
    truth = test.labels[:, 0]
    assert told["error"] == pytest.approx(expected_calibration_error(written, truth))
    assert told["error_scaled"] == pytest.approx(expected_calibration_error(scaled(written, fitted), truth), abs=1e-3)
