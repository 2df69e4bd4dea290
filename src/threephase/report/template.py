"""The page's template, in Python so that the code digest counts it. Jinja2 escapes whatever it is given."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem;
       overflow-wrap: anywhere; }
pre { white-space: pre-wrap; font: inherit; }
.wide { overflow-x: auto; max-height: 32rem; }
table { border-collapse: collapse; font-size: 0.85rem; overflow-wrap: normal; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid #8886; text-align: left; }
th button { font: inherit; font-weight: bold; border: 0; padding: 0; background: none;
           color: inherit; cursor: pointer; }
img { max-width: 100%; background: white; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<pre>{{ verdict }}</pre>
{% for picture in pictures %}
<figure>
<img alt="{{ picture.name }}" src="data:image/svg+xml;base64,{{ picture.encoded }}">
<figcaption>{{ picture.name }}</figcaption>
</figure>
{% endfor %}
{% for table in tables %}
<h2>{{ table.name }}</h2>
<div class="wide"><table>
<thead><tr>{% for head in table.heads %}<th><button>{{ head }}</button></th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody>
</table></div>
{% endfor %}
<script>
for (const button of document.querySelectorAll("th button")) button.onclick = () => {
  const head = button.parentElement, body = head.closest("table").tBodies[0];
  const up = head.ariaSort !== "ascending";
  for (const other of head.parentElement.cells) other.ariaSort = null;
  head.ariaSort = up ? "ascending" : "descending";
  const text = row => row.cells[head.cellIndex].textContent;
  const order = (a, b) => text(a).localeCompare(text(b), "en", {numeric: true});
  const number = row => text(row) === "" ? NaN : Number(text(row));
  const rows = [...body.rows], numbers = rows.every(row => !Number.isNaN(number(row)));
  rows.sort(numbers ? (a, b) => number(a) - number(b) : order);
  body.append(...(up ? rows : rows.reverse()));
};
</script>
</body>
</html>
"""
