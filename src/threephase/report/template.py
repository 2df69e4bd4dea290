"""The page's template, in Python so that the code digest counts it. Jinja2 escapes whatever it is given as text."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
main > section { border-top: 1px solid #8886; margin-top: 2rem; }
section > section { margin-top: 1.5rem; }
h3 { font-size: 1rem; }
nav { columns: 14rem; font-size: 0.9rem; margin: 1rem 0; }
nav a { display: block; color: inherit; }
nav b { display: block; }
.wide { overflow-x: auto; max-height: 36rem; margin: 0.5rem 0 1rem; }
table { border-collapse: collapse; font-size: 0.85rem; overflow-wrap: normal; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid #8886; text-align: left; vertical-align: top; }
td.text { min-width: 14rem; max-width: 28rem; overflow-wrap: anywhere; }
td[title] { text-decoration: underline dotted; cursor: help; }
thead th { position: sticky; top: 0; background: Canvas; }
th button { font: inherit; border: 0; padding: 0; background: none; color: inherit; cursor: pointer;
            text-align: inherit; }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
input[type=search] { font: inherit; font-size: 0.85rem; max-width: 100%; box-sizing: border-box; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; min-width: 0; }
.drawn { overflow-x: auto; }
.drawn svg { display: block; max-width: 100%; min-width: 26rem; height: auto; fill: currentColor; }
.drawn svg * { stroke-linejoin: round; stroke-linecap: butt; }
figcaption, .note { font-size: 0.85rem; opacity: 0.85; }
pre { overflow-x: auto; font-size: 0.8rem; }
ul.tree { padding-left: 1.2rem; }
@media print { .wide { max-height: none; } input[type=search], nav { display: none; } figure { break-inside: avoid; } }
</style>
</head>
<body>
<main>
{{ verdict }}
<nav aria-label="Contents">
{% if parts %}
<b>Pictures</b>
{% for part in parts %}
<a href="#{{ part.name }}">{{ part.title }}</a>
{% endfor %}
{% endif %}
<b>Tables</b>
{% for section in sections %}
<a href="#{{ section.name }}">{{ section.title }}</a>
{% endfor %}
{% if parts %}
<b>Rows to read</b>
{% for part in parts %}
<a href="#{{ part.name }}-rows">{{ part.title }}</a>
{% endfor %}
<a href="#origin">How it came about</a>
{% endif %}
</nav>
{% for part in parts %}
<section id="{{ part.name }}">
<h2>{{ part.title }}</h2>
{% if part.missing %}
<p>Partial: {{ part.missing }} {{ "run" if part.missing == 1 else "runs" }} of this grid missing.</p>
{% endif %}
<div class="pictures">
{% for picture in part.pictures %}
<figure id="{{ part.name }}-{{ picture.name }}">
<h3>{{ picture.title }}</h3>
{% if picture.figure %}
<div class="drawn">{{ picture.figure }}</div>
{% else %}
<p>This page has no room for more pictures; this one lies beside it.</p>
{% endif %}
<figcaption>{{ picture.caption }} Files:
{% for ending in ("svg", "png", "csv") %}
<a href="{{ picture.files }}.{{ ending }}">{{ ending }}</a>{{ "." if loop.last else "," }}
{% endfor %}
</figcaption>
</figure>
{% endfor %}
</div>
</section>
{% endfor %}
<section id="tables">
<h2>Tables</h2>
{% for note in notes %}
<p class="note">{{ note }}</p>
{% endfor %}
{% for section in sections %}
<section id="{{ section.name }}">
<h3>{{ section.title }}</h3>
{% if section.figure %}
<figure class="drawn">{{ section.figure }}</figure>
{% endif %}
{{ section.table }}
</section>
{% endfor %}
</section>
{% macro rows(found, columns) %}
<div class="wide"><table>
<thead><tr>{% for head in columns.values() %}<th>{{ head }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in found %}
<tr>
{% for key in columns %}
{% if row[key] is none %}
<td title="Not among the rows that were embedded.">–</td>
{% elif row[key] is number %}
<td>{{ "%.2f" | format(row[key]) }}</td>
{% else %}
<td{% if key in ("text", "nearest") %} class="text"{% endif %}>{{ row[key] | truncate(400, True, "…", 0) }}</td>
{% endif %}
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table></div>
{% endmacro %}
{% for part in parts %}
<section id="{{ part.name }}-rows">
<h2>Rows to read: {{ part.title }}</h2>
{% for name, list in part.lists.items() %}
<section>
{% if name == "mistakes" %}
<h3>The worst mistakes</h3>
<p class="note">Test rows that {{ part.reference }} has wrong, those of the highest probability first (means over its
seeds), each with the training text that lies nearest by the cosine of its last encoder: {{ list.rows | length }} of
{{ "{:,}".format(list.there) }}; all are in <a href="{{ part.folder }}/{{ name }}.csv">{{ name }}.csv</a>.
{{ part.protocol }}</p>
{{ rows(list.rows, {"text": "Text", "label": "Label", "predicted": "Predicted", "probability": "Probability",
"nearest": "Nearest training text", "nearest_label": "Its label", "cosine": "Cosine", "source": "Row"}) }}
{% else %}
<h3>Labels that may be wrong</h3>
<p class="note">Test rows for whose label {{ part.reference }} has less probability than is usual, and for another class
enough (confident learning, on mean probabilities of its seeds; training saw none of these rows, unless a caption says
LEAK), the most doubtful first: {{ list.rows | length }} of {{ "{:,}".format(list.there) }}; all are in
<a href="{{ part.folder }}/{{ name }}.csv">{{ name }}.csv</a>. The model may be wrong as well: read them.</p>
{{ rows(list.rows, {"text": "Text", "label": "Label", "suggested": "Suggested",
"probability_of_label": "Probability of the label", "probability_of_suggested": "of the suggested",
"source": "Row"}) }}
{% endif %}
</section>
{% endfor %}
</section>
{% endfor %}
{% macro tree(trainings) %}
<ul class="tree">
{% for each in trainings %}
<li><code>{{ each.recipe }}</code>{{ " · " ~ each.variants | join(", ") if each.variants }}: {{ each.count }} ×
{{ "{:,.1f}".format(each.seconds) }} s = {{ "{:,.1f}".format(each.all_seconds) }} s
{%- if each.failed %}, {{ each.failed }} failed{% endif %}
{{ tree(each.after) if each.after }}</li>
{% endfor %}
</ul>
{% endmacro %}
{% if parts %}
<section id="origin">
<h2>How it came about</h2>
{% for part in parts %}
<section>
<h3>{{ part.title }}</h3>
<p>Seeds: {{ part.origin.seeds | join(", ") }}. Limited:
{{ part.origin.caps | join(", ") if part.origin.caps else "nothing, every row of the dataset has its part" }}.</p>
<p>Trainings, those below another starting from it, with how many there are and what they took:</p>
{{ tree(part.origin.trainings) }}
{% if part.origin.failed %}
<p>Failed:</p>
<ul>
{% for run in part.origin.failed %}
<li>{{ run.variant }}, seed {{ run.seed }}{{ ", split " ~ run.split if run.split }}: {{ run.reason }}</li>
{% endfor %}
</ul>
{% endif %}
<details><summary>Versions and machines</summary>
<ul>
{% for version in part.origin.versions %}
<li>{% for name, value in version.items() %}{{ name }} {{ value }}{{ ", " if not loop.last }}{% endfor %}</li>
{% endfor %}
{% for commit in part.origin.commits if commit %}
<li>commit {{ commit.commit }}{{ ", edited since" if commit.edited }}</li>
{% endfor %}
{% for machine in part.origin.machines %}
<li>{{ machine.machine }}, {{ machine.processor }}, {{ machine.threads }} threads, GPUs:
{{ machine.gpus | join(", ") if machine.gpus else "none" }}</li>
{% endfor %}
</ul>
</details>
</section>
{% endfor %}
{% if config %}
<details><summary>The config</summary><pre>{{ config }}</pre></details>
{% endif %}
</section>
{% endif %}
</main>
<script>
for (const head of document.querySelectorAll("thead th")) {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.onclick = () => {
    const body = head.closest("table").tBodies[0], up = head.ariaSort !== "ascending";
    for (const other of head.parentElement.cells) other.ariaSort = null;
    head.ariaSort = up ? "ascending" : "descending";
    const text = row => row.cells[head.cellIndex].textContent;
    const rows = [...body.rows].sort((a, b) => text(a).localeCompare(text(b), "en", {numeric: true}));
    body.append(...(up ? rows : rows.reverse()));
  };
}
for (const table of document.querySelectorAll("table")) {
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "search in these rows";
  search.setAttribute("aria-label", "Search in the table below");
  table.parentElement.before(search);
  search.oninput = () => {
    const wanted = search.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  };
}
</script>
</body>
</html>
"""
