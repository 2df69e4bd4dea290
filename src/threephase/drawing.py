"""The grid as pictures (SVG): the graph of rules, and how the variants of one dataset share phases."""

import re
from dataclasses import dataclass
from html import escape

import networkx as nx

from threephase.config import Config
from threephase.grid import parent, prefixes, recipe

_COLOURS = {"dae": "#cfe3f5", "cl": "#d5ecd3", "joint": "#e4d7f0", "ft": "#fbe3c2"}
_CHARACTER, _LINE, _PAD, _GAP = 7.2, 16, 8, 46


@dataclass(frozen=True)
class Box:
    """One box: lines of text and a fill."""

    lines: list[str]
    fill: str = "#f2f2f2"

    @property
    def width(self) -> float:
        return max(map(len, self.lines)) * _CHARACTER + 2 * _PAD

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + _PAD


def rule_graph(dot: str) -> str:
    """SVG of what `snakemake --rulegraph` prints."""
    names = dict(re.findall(r'^\s*(\d+)\[label = "([^"]+)"', dot, re.MULTILINE))
    edges = [(names[a], names[b]) for a, b in re.findall(r"^\s*(\d+) -> (\d+)", dot, re.MULTILINE)]
    boxes = {name: Box([name], _COLOURS.get(name, "#f2f2f2")) for name in names.values()}
    return _svg(boxes, edges, "Rules: what each is made from")


def phase_sharing(config: Config) -> str:
    """SVG of the trainings of one dataset, base model and seed: variants that begin alike share them."""
    boxes = {"base model": Box(["base model"])}
    edges = []
    for name in dict.fromkeys(recipe(part) for steps in config.variants.values() for part in prefixes(steps)):
        step = name.rpartition(".")[2]
        of = [variant for variant, steps in config.variants.items() if recipe(steps) == name]
        boxes[name] = Box([step, *of], _COLOURS[step.partition("-")[0]])
        edges.append((parent(name) or "base model", name))
    trainings, apart = len(edges), sum(map(len, config.variants.values()))
    title = f"{len(config.variants)} variants, {trainings} trainings for a dataset, base model and seed; apart: {apart}"
    return _svg(boxes, edges, title)


def _svg(boxes: dict[str, Box], edges: list[tuple[str, str]], title: str) -> str:
    """Boxes in columns by their longest way from the left, each beside the middle of what it comes from."""
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(boxes)
    columns = [list(generation) for generation in nx.topological_generations(graph)]
    place: dict[str, tuple[float, float]] = {}
    x, bottom = float(_PAD), 0.0
    for column in columns:
        before = {name: [place[other][1] for other in graph.predecessors(name)] for name in column}
        wanted = {name: sum(ys) / len(ys) if ys else 0.0 for name, ys in before.items()}
        y = 2.5 * _LINE
        for name in sorted(column, key=lambda name: wanted[name]):
            y = max(y, wanted[name])
            place[name] = (x, y)
            y += boxes[name].height + _PAD
        bottom = max(bottom, y)
        x += max(boxes[name].width for name in column) + _GAP
    width = max(x - _GAP + _PAD, len(title) * _CHARACTER + 2 * _PAD)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {bottom:.0f}" width="{width:.0f}" '
        f'height="{bottom:.0f}" font-family="DejaVu Sans Mono, monospace" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_PAD}" y="{1.2 * _LINE:.0f}">{escape(title)}</text>',
    ]
    for first, second in edges:
        (x1, y1), (x2, y2) = place[first], place[second]
        x1, y1, y2 = x1 + boxes[first].width, y1 + boxes[first].height / 2, y2 + boxes[second].height / 2
        bend = _GAP / 2
        curve = f"M{x1:.1f},{y1:.1f} C{x1 + bend:.1f},{y1:.1f} {x2 - bend:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
        parts.append(f'<path d="{curve}" fill="none" stroke="#888"/>')
    for name, box in boxes.items():
        x, y = place[name]
        size = f'width="{box.width:.1f}" height="{box.height:.1f}" rx="5"'
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{box.fill}" stroke="#555"/>')
        for number, line in enumerate(box.lines):
            weight = ' font-weight="bold"' if number == 0 else ""
            baseline = y + (number + 1) * _LINE - 2
            parts.append(f'<text x="{x + _PAD:.1f}" y="{baseline:.1f}"{weight}>{escape(line)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
