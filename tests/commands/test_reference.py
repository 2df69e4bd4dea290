"""The config's reference, its drawing, and what the command line says of it."""

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from threephase.commands.cli import main
from threephase.commands.drawing import drawings, markdown, phase_sharing, web_page
from threephase.commands.reference import page, schema
from threephase.errors import ConfigError
from threephase.experiment.config import Config
from threephase.experiment.reading import read, read_yaml
from threephase.settings.phases import PHASES

PROJECT = Path(__file__).parents[2]


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
        read_yaml(path)
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
    assert not [line for line in lines if line[-1:] == ["default"]]
    assert main(["config", "show", "bbc", "all-MiniLM-L6-v2", "No Imb.", "--all", *config]) == 0
    everything = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["head_dropout", "0.3", "default"] in everything
    assert everything.index(["imbalance", "none", "variant"]) < everything.index(["maxratio", "4.0", "default"])
    assert main(["config", "show", "bbc", "all-MiniLM-L6-v2", "no imb.", *config]) == 2
    assert "unknown variant 'no imb.'; did you mean 'No Imb.'?" in capsys.readouterr().err


LONG_DEMO = [PROJECT / "config/config.yaml", PROJECT / "config/demo-full.yaml"]
RULES = "flowchart TB\n\tid0[ft]\n\tid1[cl]\n\tid1 --> id0\n"


def test_shared_phases_are_drawn_once_with_their_variants() -> None:
    ((title, text),) = phase_sharing(read(LONG_DEMO)).items()
    assert title == "8 variants, 15 trainings for a dataset, base model and seed; apart: 19"
    boxes = dict(re.findall(r'^(\w+)\["(.*)"\]', text, re.MULTILINE))
    labels = list(boxes.values())
    assert labels.count("dae") == 1
    assert sum(label.startswith("ft<br>") for label in labels) == 8
    arrows = {(boxes[a], boxes[b]) for a, b in re.findall(r"^(\w+) --> (\w+)$", text, re.MULTILINE)}
    assert {
        ("base model", "dae"),
        ("dae", "cl-noimb"),
        ("cl-noimb", "ft<br>No Imb."),
        ("joint", "ft<br>Joint"),
    } <= arrows
    assert len(arrows) == 15


def test_the_text_of_the_drawings_is_a_markdown_page() -> None:
    drawn = drawings(RULES, read(LONG_DEMO))
    assert f"```mermaid\n{RULES.strip()}\n```" in markdown(drawn)
    assert markdown(drawn).count("```mermaid\n") == 2


def test_the_page_for_a_browser_holds_every_name_and_fetches_nothing() -> None:
    pytest.importorskip("mermaidx")
    config = read(LONG_DEMO)
    config.variants['a "quoted" <b>&#'] = config.variants.pop("FT")
    html = web_page(drawings(RULES, config))
    assert html.count("<svg") == 2
    assert all(word in html for word in ("id0", "cl-noimb", "No Imb.", 'a "quoted" &lt;b&gt;&amp;#'))
    assert not re.search(r"<script|<link|@import|(src|href)=|url\(['\"]?http", html)


def test_what_is_no_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Error in the Snakefile\n"))
    assert main(["dag", str(tmp_path / "dag"), "--configfile", str(PROJECT / "config/config.yaml")]) == 2
    assert "standard input is no Mermaid graph; pipe into it what `snakemake" in capsys.readouterr().err
    assert not (tmp_path / "dag").exists()


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
ODD = {
    "a list": (b"- a\n- b\n", "holds no keys; begin it with `datasets:`"),
    "a word": (b"hello\n", "holds no keys"),
    "a number": (b"7\n", "holds no keys"),
    "two documents": (b"a: 1\n---\nb: 2\n", "several documents (---); keep one"),
    "a tag of ours": (b"a: !mine 3\n", ":1: the tag '!mine' has no meaning here; drop it"),
    "a tag of Python": (b"a: !!python/object/apply:os.system [x]\n", ":1: the tag 'tag:yaml.org,2002:python/object"),
    "binary in a tag": (b"a: !!binary x\n", ":1: the tag 'tag:yaml.org,2002:binary' has no meaning here"),
    "a set": (b"a: !!set {x}\n", ":1: the tag 'tag:yaml.org,2002:set' has no meaning here"),
    "no such date": (b"a: 2024-13-45\n", "a value cannot be read"),
    "an equals sign": (b"a: =\n", ":1: the tag 'tag:yaml.org,2002:value' has no meaning here"),
    "no float": (b"a: !!float x\n", ":1: x is a number in another system to YAML"),
    "no int": (b"a: !!int ''\n", "a value cannot be read"),
    "many digits": (b"a: " + b"1" * 5000 + b"\n", "a value cannot be read"),
    "a merge of nothing": (b"<<: 3\na: 1\n", "not valid YAML"),
    "a list as key": (b"? [a, b]\n: 1\n", ":1: a list or a map stands as a key; write a name"),
    "a map as key": (b"{a: 1}: 1\n", ":1: a list or a map stands as a key"),
    "nested": (b"a: " + b"[" * 3000 + b"]" * 3000 + b"\n", "nested too deeply; write it flatter"),
    "an anchor in itself": (b"a: &a [*a]\n", ":1: an anchor that contains itself; write out what is meant"),
    "anchors that multiply": (LAUGHS.encode(), "values with all that anchors repeat; write a smaller config"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "not valid YAML in UTF-8"),
    "bytes": (b"\x89PNG\r\n\x1a\n\x00\xff", "not valid YAML in UTF-8"),
    "a NUL byte": (b"a: x\0y\n", "not valid YAML"),
    "octal": (b"a: {lr: 010}\n", ":1: 010 is a number in another system to YAML; write it as a decimal or in quotes"),
    "sexagesimal": (b"a: 1\nb: 1:30\n", ":2: 1:30 is a number in another system to YAML"),
    "hexadecimal": (b"b: 0x1F\n", ":1: 0x1F is a number in another system to YAML"),
    "dual": (b"b: 0b11\n", ":1: 0b11 is a number in another system to YAML"),
    "a key twice in JSON": (b'{"a": 1, "a": 2}', ":1: 'a' stands there twice; drop one"),
    "tabs": (b"a:\n\t- 1\n", "not valid YAML"),
    "half of a character": (rb'name: "\uD800"', ":1: half of a character (a lone surrogate); write the character"),
    "half of a character in a key": (rb'a: {"\uDFFF": 1}', ":1: half of a character (a lone surrogate)"),
    "unclosed": (b"a: 'x\n", "not valid YAML"),
    "an unknown anchor": (b"a: *b\n", "not valid YAML"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_files_are_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.yaml"
    content, said = ODD[kind]
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"config: {path}:")
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["nested", "an anchor in itself", "anchors that multiply", "UTF-16", "no such date"])
def test_a_file_that_halts_snakemakes_own_reader_is_told_by_a_check_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(ODD[kind][0])
    assert main(["config", "check", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"threephase: config: {path}:")
    assert error.count("\n") == 1
    assert main(["config", "check", str(PROJECT / "config/paper.yaml")]) == 0
    assert "runs of 6 datasets" in capsys.readouterr().out


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in {
        tmp_path: "is no file that can be read",
        tmp_path / "pipe": "is no file that can be read",
        Path("/dev/zero"): "is no file that can be read",
        tmp_path / "none.yaml": "No such file",
        Path("x\0y"): "name a file that exists",
        Path("x" * 300): "File name too long",
    }.items():
        with pytest.raises(ConfigError, match=said) as caught:
            read([path])
        assert "\n" not in str(caught.value)


def test_files_that_are_well_are_read_as_yaml_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for text in (
        "", "# nothing\n", "\ufeffa: 1\n", "a: &x {b: 1}\nc: {<<: *x, d: 2}\n", "--- {a: 1}\n",
        "a: 1_000\nb: [1.5, .5, 2., 1.0e-5, 0, -3]\n", "a: 2024-01-01\nb: ~\nc: 'x'\nd: \"010\"\ne: yes\n",
    ):  # fmt: skip
        path.write_text(text, encoding="utf-8")
        assert read_yaml(path) == (yaml.safe_load(text.lstrip("\ufeff")) or {})
    path.write_text('{\n\t"a": [1,\t"x\\ty"]\n}')
    assert read_yaml(path) == {"a": [1, "x\ty"]}
    for name in ("config.yaml", "paper.yaml", "released.yaml", "forensics.yaml", "sensitivity.yaml", "fair.yaml"):
        assert read_yaml(PROJECT / "config" / name) == yaml.safe_load((PROJECT / "config" / name).read_text())
