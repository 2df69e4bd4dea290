"""The grid as Mermaid drawings: the graph of rules, and how the variants of one dataset share phases."""

from html import escape

from threephase.errors import UserError
from threephase.experiment.config import Config

_COLOURS = {"dae": "#cfe3f5", "cl": "#d5ecd3", "joint": "#e4d7f0", "ft": "#fbe3c2"}


def drawings(rules: str, config: Config) -> dict[str, str]:
    """Mermaid text by title: of the rules, as Snakemake writes it, and of the phases.

    Raises UserError where `rules` is no such text.
    """
    if "flowchart" not in rules:
        raise UserError(
            "dag: standard input is no Mermaid graph; pipe into it what "
            "`snakemake --quiet all --forceall --rulegraph mermaid-js` prints"
        )
    return {"Rules: what each is made from": rules.strip()} | phase_sharing(config)


def phase_sharing(config: Config) -> dict[str, str]:
    """Title and Mermaid text of the trainings of one dataset, base model and seed, each with the variants it ends.

    Baselines share nothing, and are left out.
    """
    of_phases = [variant for variant in config.variants if not config.is_baseline(variant)]
    trained = list(dict.fromkeys(part for variant in of_phases for part in config.recipe_of(variant).prefixes))
    ids: dict[str | None, str] = {None: "base"} | {name: f"training{number}" for number, name in enumerate(trained)}
    lines = ["flowchart LR", 'base["base model"]']
    for name in trained:
        of = [variant for variant in of_phases if config.recipe_of(variant) == name]
        label = "<br>".join(map(_as_label, [name.step, *of]))
        lines += [f'{ids[name]}["{label}"]:::{name.phase}', f"{ids[name.parent]} --> {ids[name]}"]
    lines += [f"classDef {phase} fill:{colour},stroke:#555" for phase, colour in _COLOURS.items()]
    apart = sum(len(config.variants[variant]) for variant in of_phases)
    counts = f"{len(of_phases)} variants, {len(trained)} trainings"
    return {f"{counts} for a dataset, base model and seed; apart: {apart}": "\n".join(lines)}


def markdown(drawings: dict[str, str]) -> str:
    """A page that GitHub, GitLab and editors show with the drawings in it."""
    return "\n".join(f"## {title}\n\n```mermaid\n{text}\n```\n" for title, text in drawings.items())


def web_page(drawings: dict[str, str]) -> str:
    """A page for a browser, with the drawings as SVG in it: nothing is fetched and no script runs."""
    import mermaidx

    parts = [f"<h2>{escape(title)}</h2>\n{mermaidx.render(text).svg()}" for title, text in drawings.items()]
    return "\n".join(['<!doctype html>\n<meta charset="utf-8">\n<title>The grid</title>', *parts]) + "\n"


def _as_label(text: str) -> str:
    """With Mermaid's own escapes for what would end or format a label."""
    text = " ".join(text.split())
    return escape(text.replace("#", "#35;"), quote=False).replace("&", "#").replace('"', "#quot;")
