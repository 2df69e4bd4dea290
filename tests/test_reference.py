"""The config's reference, its drawing, and what the command line says of it."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from threephase.cli import main
from threephase.config import Config, read, refuse_doubled_keys
from threephase.drawing import phase_sharing, rule_graph
from threephase.errors import ConfigError
from threephase.reference import page, schema
from threephase.settings.phases import PHASES

PROJECT = Path(__file__).parents[1]


def test_schema_and_page_are_those_of_the_definitions() -> None:
    """Otherwise: make docs."""
    assert (PROJECT / "config/schema.json").read_text() == schema()
    assert (PROJECT / "docs/config.md").read_text() == page()


def test_every_key_has_a_meaning_and_every_setting_of_a_phase_a_source() -> None:
    for kind in PHASES.values():
        for name, field in kind.model_fields.items():
            assert field.description, name
            assert isinstance(field.json_schema_extra, dict), name
            assert field.json_schema_extra["source"], name
    assert all(field.description for field in Config.model_fields.values())


def test_the_schema_takes_the_shipped_config_and_refuses_an_unknown_phase() -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(json.loads(schema()))
    config = yaml.safe_load((PROJECT / "config/config.yaml").read_text())
    assert list(validator.iter_errors(config)) == []
    assert list(validator.iter_errors(config | {"variants": {"v": ["dea", "ft"]}}))
    assert list(validator.iter_errors(config | {"surprise": 1}))


def test_a_key_that_stands_twice_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("variants:\n  FT: [ft]\n  FT: [dae, ft]\ngrid:\n  - seeds: [1]\n    seeds: [2]\n")
    with pytest.raises(ConfigError) as caught:
        refuse_doubled_keys(path)
    assert str(caught.value).splitlines() == [
        f"config: {path}:3: 'FT' stands there twice; drop one",
        f"config: {path}:6: 'seeds' stands there twice; drop one",
    ]


@pytest.mark.parametrize(("text", "said"), [(None, "No such file"), ("a: [1", "not valid YAML")])
def test_a_missing_or_broken_file_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "config.yaml"
    if text:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        read([path])
    assert "\n" not in str(caught.value)


def test_show_says_where_each_value_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--configfile", str(PROJECT / "config/config.yaml"), str(PROJECT / "config/demo-full.yaml")]
    assert main(["config", "show", "bbc", "all-MiniLM-L6-v2", "No Imb.", *config]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["max_length", "64", "hyperparameters.default"] in lines
    assert ["imbalance", "none", "variant"] in lines
    assert ["head_dropout", "0.3", "default"] in lines
    assert main(["config", "show", "bbc", "all-MiniLM-L6-v2", "no imb.", *config]) == 2
    assert "unknown variant 'no imb.'; did you mean 'No Imb.'?" in capsys.readouterr().err


def words(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_shared_phases_are_drawn_once_with_their_variants() -> None:
    drawn = words(phase_sharing(read([PROJECT / "config/config.yaml"])))
    assert drawn[0] == "8 variants, 15 trainings for a dataset, base model and seed; apart: 19"
    assert drawn.count("dae") == 1
    assert drawn.count("ft") == 8
    assert {"3-Phase", "Joint", "No Imb.", "joint", "cl-noimb"} <= set(drawn)


def test_rules_are_drawn_from_snakemakes_own_graph() -> None:
    svg = rule_graph('digraph d {\n\t0[label = "ft", color = "x"];\n\t1[label = "cl", color = "y"];\n\t1 -> 0\n}')
    assert words(svg)[1:] == ["ft", "cl"]
    assert svg.count("<path") == 1
