"""Whatever a person hands over: an answer, or one line that says what is wrong; never a traceback.

A few hundred inputs of each kind in the suite, the same ones each time; `make fuzz` draws others, for as long as it is
told.
"""

import copy
import gzip
import io
import json
import random
import string
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import made_up_rows
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from threephase.commands.cli import main

PROJECT = Path(__file__).parents[1]
SCHEMA = json.loads((PROJECT / "config/schema.json").read_text(encoding="utf-8"))
SHIPPED = ("config.yaml", "paper.yaml", "tuned.yaml", "splits.yaml")
CONFIGS = [yaml.safe_load((PROJECT / "config" / name).read_text(encoding="utf-8")) for name in SHIPPED]

ODD: list[Any] = [
    None, True, False, "", " ", "no", "y", "~", "~/x", "../x", "/", "a\0b", "é", "x" * 300, "\x1b[31m", "$x$",
    0, -1, 1, 7, 10**40, 0.5, -0.0, 1e-300, 1e300, float("inf"), float("nan"), [], {}, [[]], [None], {"": 1}, {1: 2},
    {True: []}, ["ft", "ft"], ["cl", "dae"], "baseline", {"baseline": "centroid"}, "2024-01-01", [1, "1"],
]  # fmt: skip
SIGNS = [
    *"\0\t\n \"'#%&*,-:;<>?@[]{|}~!=\\",
    "\r\n",
    "\ufeff",
    "é",
    "---",
    "<<: *a",
    "&a ",
    "*a",
    "!!python/x ",
    "9" * 400,
]


def names_in(schema: Any) -> set[str]:
    """Every key that a config may have somewhere."""
    if isinstance(schema, list):
        return set().union(*map(names_in, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", ())) | names_in(list(schema.values()))


NAMES = sorted(names_in(SCHEMA))


def test_names_are_those_of_the_schema() -> None:
    assert {"datasets", "source", "missing_labels", "max_length", "epochs"} <= set(NAMES)


def containers(value: Any) -> list[Any]:
    """A value's maps and lists, itself first."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict | list) else []
    return own + [found for each in inner for found in containers(each)]


def mutated_config(rng: random.Random) -> str:
    """A shipped config with keys and values that are odd, gone, or of another place; and odd signs in its text."""
    config = copy.deepcopy(rng.choice(CONFIGS))
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        places = containers(config)
        where = rng.choice(places)
        value = copy.deepcopy(rng.choice([*ODD, *rng.sample(places, min(5, len(places)))]))
        if isinstance(where, dict):
            key = rng.choice([*where, rng.choice(NAMES), rng.choice(NAMES)])
            where.pop(key, None) if rng.random() < 0.2 else where.__setitem__(key, value)
        elif where and rng.random() < 0.7:
            where[rng.randrange(len(where))] = value
        else:
            where.append(value)
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    return mutated_text(rng, text) if rng.random() < 0.4 else text


def mutated_text(rng: random.Random, text: str) -> str:
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(text) + 1)
        text = text[:place] + rng.choice([*SIGNS, ""]) + text[place + rng.choice([0, 0, 1, 5, 200]) :]
    return text


def mutated_bytes(rng: random.Random, content: bytes) -> bytes:
    """Bytes of which some are others, taken away, repeated or of another encoding."""
    for _ in range(rng.choice([0, 1, 1, 2, 8])):
        place = rng.randrange(len(content) + 1)
        length = rng.choice([0, 1, 1, 4, 50])
        new = rng.choice([rng.randbytes(length), rng.choice(SIGNS).encode(), content[place : place + 60], b""])
        content = content[:place] + new + content[place + length :]
    return content[: rng.randrange(len(content) + 1)] if rng.random() < 0.1 else content


def files_of_each_format() -> dict[str, bytes]:
    rows = made_up_rows({"sport": 12, "money": 12}).assign(id=range(24))
    parquet, frames = io.BytesIO(), rows.to_dict("records")
    rows.to_parquet(parquet, row_group_size=10)
    found = {
        ".csv": rows.to_csv(index=False).encode(),
        ".tsv": rows.to_csv(index=False, sep="\t").encode(),
        ".jsonl": "\n".join(map(json.dumps, frames)).encode(),
        ".json": json.dumps(frames).encode(),
        ".parquet": parquet.getvalue(),
        ".utf16.csv": rows.to_csv(index=False).encode("utf-16"),
    }
    try:
        sheet = io.BytesIO()
        rows.to_excel(sheet, index=False)
        found[".xlsx"] = sheet.getvalue()
    except ImportError:
        pass  # the extra is not installed
    return found | {".csv.gz": gzip.compress(found[".csv"], mtime=0)}


FILES = files_of_each_format()


def ends_in_a_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
    """Run the command line: all is well, or the last line says what is not. What it raises fails the test."""
    try:
        code = main(list(arguments))
    except SystemExit as end:  # argparse's
        code = int(end.code or 0)
    error = capsys.readouterr().err
    # A config's faults are a line each.
    assert code in {0, 1} or (code == 2 and error.splitlines()[-1].startswith(("threephase", "config: ")))
    assert "Traceback" not in error


@pytest.fixture
def drawn(request: pytest.FixtureRequest) -> Callable[[Callable[[random.Random], None], int], None]:
    """Try a check with so many seeds, the same ones each time; or with others for so many minutes (`--fuzz`)."""
    minutes = request.config.getoption("--fuzz")

    def run(check: Callable[[random.Random], None], examples: int) -> None:
        quiet = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

        def tried(number: int) -> None:
            check(random.Random(number))

        once = given(st.integers(0, 2**64))(tried)
        if not minutes:
            seed(0)(settings(max_examples=examples, **quiet)(once))()
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            seed(random.randrange(2**64))(settings(max_examples=200, **quiet)(given(st.integers(0, 2**64))(tried)))()

    return run


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_any_config_is_read_or_refused_in_a_line(capsys: pytest.CaptureFixture[str], drawn: Any) -> None:
    def check(rng: random.Random) -> None:
        Path("own.yaml").write_bytes(mutated_config(rng).encode("utf-8", "surrogatepass"))
        ends_in_a_line(capsys, "config", "check", "own.yaml")

    drawn(check, 50)


def test_any_bytes_of_any_text_are_yaml_or_a_line(capsys: pytest.CaptureFixture[str], drawn: Any) -> None:
    small = yaml.safe_dump({"datasets": {"mine": {"source": {"train": "x.csv"}, "test_size": 0.2}}}).encode()

    def check(rng: random.Random) -> None:
        Path("own.yaml").write_bytes(mutated_bytes(rng, small))
        ends_in_a_line(capsys, "config", "check", "own.yaml")

    drawn(check, 100)


@pytest.mark.parametrize("ending", FILES)
def test_any_data_file_is_read_or_refused_in_a_line(
    capsys: pytest.CaptureFixture[str], drawn: Any, ending: str
) -> None:
    def check(rng: random.Random) -> None:
        file = Path(f"rows{ending}")
        file.write_bytes(mutated_bytes(rng, FILES[ending]))
        options = ["--encoding", "utf-16"] if "utf16" in ending else rng.choice([[], [], ["--text", "id"]])
        ends_in_a_line(capsys, "init", str(file), "--out", "own.yaml", *options)
        Path("own.yaml").unlink(missing_ok=True)

    drawn(check, 25)


COMMANDS = [
    "config check",
    "config show",
    "config docs",
    "init",
    "study show",
    "summary",
    "plan",
    "train",
    "run",
    "dag",
    "",
]
OPTIONS = (
    "--configfile --config --out --text --label --encoding --name --model --test --validation --unlabelled --seed "
    "--threads --cores --gpus --gpu --directory -- -n -h --version"
)
VALUES = "rows.csv broken.yaml folder nowhere /dev/null / . ~ ~nobody/x * [ é a=b -1 1 nan bbc FT dae.cl"
WORDS = [*OPTIONS.split(), *VALUES.split(), "", "x" * 300, "\0", "\udcff"]


def test_any_command_line_is_an_answer_or_a_line(
    capsys: pytest.CaptureFixture[str], drawn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rows.csv").write_bytes(FILES[".csv"])
    Path("broken.yaml").write_text("datasets: 7")
    Path("folder").mkdir()

    def becomes_another(path: str, arguments: list[str]) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("os.execv", becomes_another)

    def check(rng: random.Random) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(rng.choice(["", "flowchart TB", "\0"])))
        words = [rng.choice(WORDS) for _ in range(rng.randint(0, 5))]
        if rng.random() < 0.05:
            words.append("".join(rng.choices(string.printable[:-5], k=8)))
        command = rng.choice(COMMANDS).split()
        if command in (["plan"], ["train"]):
            words += ["--configfile", "broken.yaml"]  # whose costs are not measured, which takes minutes
        ends_in_a_line(capsys, *command, *words)
        for made in Path().glob("*.yaml"):
            if made.name != "broken.yaml":
                made.unlink()

    drawn(check, 200)


def test_any_record_is_shown_or_refused_in_a_line(capsys: pytest.CaptureFixture[str], drawn: Any) -> None:
    results = Path("results/tables/results.csv")
    study = Path("results/studies/x/study.json")
    for file in (results, study):
        file.parent.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame(
        {"dataset": ["a"], "variant": ["FT"], "model": ["m"], "seed": [1], "accuracy": [0.5], "failed": [""]}
    )
    record = {"name": "x", "title": "t", "trials": 1, "storage": None, "objective": "loss", "space": {"ft.lr": [1, 2]}}

    def check(rng: random.Random) -> None:
        results.write_bytes(mutated_bytes(rng, rows.to_csv(index=False).encode()))
        study.write_bytes(mutated_bytes(rng, json.dumps(record).encode()))
        ends_in_a_line(capsys, "summary")
        ends_in_a_line(capsys, "study", "show")

    drawn(check, 60)
