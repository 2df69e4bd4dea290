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
h2 { font-size: 1rem; font-weight: normal; opacity: 0.7; }
nav { columns: 14rem; font-size: 0.9rem; }
nav a { display: block; color: inherit; }
.wide { overflow-x: auto; max-height: 36rem; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.85rem; overflow-wrap: normal; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid #8886; text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: Canvas; }
th button { font: inherit; border: 0; padding: 0; background: none; color: inherit; cursor: pointer;
            text-align: inherit; }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
img { max-width: 100%; background: white; }
@media print { .wide { max-height: none; } }
</style>
</head>
<body>
<main>
{{ verdict }}
<nav aria-label="Tables">
{% for name in names %}<a href="#{{ name }}">{{ name }}</a>
{% endfor %}
</nav>
{% for legend in legends %}<p>{{ legend }}</p>
{% endfor %}
{% for section in sections %}
<section id="{{ section.name }}">
<h2>{{ section.name }}</h2>
{% if section.figure %}
<img alt="Figure of {{ section.name }}; its numbers stand in the table below"
  src="data:image/svg+xml;base64,{{ section.figure }}">
{% endif %}
{{ section.table }}
</section>
{% endfor %}
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
</script>
</body>
</html>
"""
