"""Table 5: what ran beside what the paper has, and Table 5 itself as the project keeps it."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from threephase.experiment.reading import load, published_settings
from threephase.tables.hyperparameters import PARAMETERS, Column, with_tuned, write_table5

PROJECT = Path(__file__).parents[2]
TABLE_5 = PROJECT.parent / "shared/paper/hyperparameters.csv"
NAMES = {
    "lr_dae": "Learning rate DAE", "lr_cl": "Learning rate CL", "lr_ft": "Learning rate FT", "epochs_dae": "Epochs DAE",
    "epochs_cl": "Epochs CL (pairs per text)", "max_epochs_ft": "Max epochs FT", "batch_dae": "Batch size DAE",
    "batch_cl": "Batch size CL", "batch_ft": "Batch size FT", "eps_ft": "Eps in FT", "use_length": "Use length",
    "freezing": "Freezing encoder", "deletion_ratio": "Deleting ratio",
}  # fmt: skip


def test_a_setting_that_differs_from_the_papers_has_both(tmp_path: Path) -> None:
    ours = {"dae": {"lr": 1e-5, "epochs": 3}, "ft": {"freeze": True}}
    columns = [Column("d", "m", ours, {"dae": {"lr": 5e-5, "epochs": 3}}), Column("e", "m", ours, {})]
    write_table5(columns, {"d": "D", "m": "Model"}, "3-Phase", tmp_path / "table5_hyperparameters")
    lines = (tmp_path / "table5_hyperparameters.md").read_text().splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert rows[0] == ["Parameter", "D, Model", "e, Model *"]
    assert rows[2] == ["Learning rate DAE", "1e-05 (5e-05)", "1e-05"]
    assert ["Epochs DAE", "3", "3"] in rows
    assert ["Freezing encoder", "True", "True"] in rows
    assert ["Epochs CL (pairs per text)", "–", "–"] in rows
    numbers = pd.read_csv(tmp_path / "table5_hyperparameters.csv")
    assert len(numbers) == 2 * len(PARAMETERS)


def test_datasets_with_the_same_values_share_a_column_and_keep_their_numbers(tmp_path: Path) -> None:
    def heads(columns: list[Column]) -> list[str]:
        write_table5(columns, {"d": "D", "m": "Model"}, "3-Phase", tmp_path / "t")
        assert len(pd.read_csv(tmp_path / "t.csv")) == len(columns) * len(PARAMETERS)
        head = (tmp_path / "t.md").read_text().splitlines()[2]
        return [cell.strip() for cell in head.split("|")[2:-1]]

    same = [Column(name, "m", {"ft": {"lr": 1e-5}}, {}) for name in ("d", "e")]
    assert heads(same) == ["all datasets, Model"]
    assert heads([*same, Column("f", "m", {"ft": {"lr": 2e-5}}, {})]) == ["D, Model; e, Model", "f, Model"]


def test_settings_on_ones_own_data_stand_beside_nothing(tmp_path: Path) -> None:
    write_table5([Column("d", "m", {"ft": {"lr": 1e-5}}, {})], {}, "FT", tmp_path / "table5_hyperparameters")
    caption, _, head, *_ = (tmp_path / "table5_hyperparameters.md").read_text().splitlines()
    assert caption == "Hyper-parameters of FT as they ran."
    assert [cell.strip() for cell in head.split("|")[1:-1]] == ["Parameter", "d, m"]
    assert list(pd.read_csv(tmp_path / "table5_hyperparameters.csv")) == ["dataset", "base_model", "parameter", "value"]


def test_one_word_takes_table_5_and_a_nearer_layer_wins() -> None:
    given = {
        "datasets": {name: {"source": {"train": "x"}, "test_size": 9} for name in ("sst2", "own")},
        "models": {"roberta-base": {"path": "m"}},
        "variants": {"FT": ["ft"]},
        "grid": [{"seeds": [1]}],
        "hyperparameters": {
            "use": "paper",
            "default": {"ft": {"lr": 3e-5, "max_epochs": 2}},
            "dataset_models": {"sst2": {"roberta-base": {"ft": {"eps": 1e-7}}}},
        },
    }  # fmt: skip
    config = load(given, PROJECT / "config")
    settings = config.phase_settings("sst2", "roberta-base", "ft")
    assert (settings.lr, settings.batch_size, settings.max_length, settings.eps) == (1e-5, 64, 512, 1e-7)
    assert config.origins("sst2", "roberta-base", "ft")["lr"][1] == "Table 5 (hyperparameters.yaml: sst2.roberta-base)"
    assert config.phase_settings("own", "roberta-base", "ft").lr == 3e-5
    given["hyperparameters"]["use"] = "default"  # type: ignore[index]
    assert load(given, PROJECT / "config").phase_settings("sst2", "roberta-base", "ft").lr == 3e-5


@pytest.mark.skipif(not TABLE_5.is_file(), reason="the transcription of Table 5 is not beside this checkout")
def test_the_file_is_table_5() -> None:
    published = published_settings(PROJECT / "config")
    rows = list(csv.DictReader(TABLE_5.open()))
    assert len(rows) == 13 * 11
    for row in rows:
        phase, setting = PARAMETERS[NAMES[row["parameter"]]]
        found = published[row["dataset"].lower()][row["base_model"]].given(phase)[setting]
        wanted = row["table5"].split("+")[0].split("*")[0]  # footnote marks
        assert str(found) == wanted if wanted in {"True", "False"} else float(found) == float(wanted), row


def test_what_a_variant_sets_itself_is_shown_and_not_what_the_study_found(tmp_path: Path) -> None:
    files = []
    for phase, found in {"cl": {"lr": 0.5, "batch_size": 4}, "ft": {"lr": 0.25}}.items():
        files.append(str(tmp_path / f"{phase}.json"))
        (tmp_path / f"{phase}.json").write_text(json.dumps(found))
    column = Column("d", "m", {"cl": {"lr": 1e-5, "batch_size": 32}, "ft": {"lr": 1e-5}}, {})
    (tuned,) = with_tuned([column], files, {"cl": ["lr"], "ft": []})
    assert tuned.ours == {"cl": {"lr": 1e-5, "batch_size": 4}, "ft": {"lr": 0.25}}
    assert with_tuned([column], [], {"cl": [], "ft": []}) == [column]
