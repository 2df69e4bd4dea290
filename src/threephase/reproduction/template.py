"""The document's template. It asks questions and says how they are answered; every number in it is given."""

DOCUMENT = """\
<!-- Made by `threephase reproduction write` from the folder reproduction/; a test finds edits. -->

# The reproduction

When does it pay to adapt an encoder before fine-tuning it? This page is what one grid says, `config/reproduction.yaml`:
tables of the paper's kind, a verdict on each of its claims, and a table and a figure for each question that its users
ask. The paper's own figures stand beside ours where they do not depend on the base model, which is another one here.
Intervals are over seeds and test rows together ([how they are made](statistics.md)). Nothing on this page was typed by
hand but for the questions{% if advice %} and the advice{% endif %}: all of it is made from `reproduction/`, where the
runs' scores, settings, predictions and provenance lie in compact form. The numbers of its tables and figures lie in
`docs/reproduction/`.
{% if advice %}

## Should I use this?

{{ advice.strip() }}
{% endif %}

## What came out

{{ verdict }}

The folders named are those of the sittings; their weights were not kept.

## Tables of the paper's kind

<div class="scores" markdown>

{% for table in papers %}
{{ table.strip() }}

{% endfor %}
</div>

{{ papers_figure }}

## The paper's claims

<div class="sentences" markdown>

{{ claims.strip() }}

</div>

A comparison that stands in several tables has another interval in each, for it is corrected together with the other
comparisons of that table; of 3-Phase with plain fine-tuning the one of Table 3 is meant.

{% for effect in effects %}
## {{ effect.title }}

{% if effect.table %}
{{ effect.figure }}

<div class="scores" markdown>

{{ effect.table.strip() }}

</div>
{% else %}
No run of this question is done yet.
{% endif %}

{% endfor %}
## What lies behind

<div class="scores" markdown>

{% for table in others %}
{{ table.strip() }}

{% endfor %}
</div>

## What was run, and what was not

Runs that are done, of those that the config asks for; an empty cell was not asked for.

<div class="scores" markdown>

{{ coverage }}

</div>

The grid has one base model, all-MiniLM-L6-v2, which comes as a Python package. The paper's two, RoBERTa and
all-MiniLM-L12-v2, were not run: `config/paper.yaml` is their grid, and [scale](scale.md) works out what it costs on
GPUs. Rows that were left out, and datasets of which only a part was there, stand in Table 1; what else was cut, and by
which rule, at the head of `config/reproduction.yaml`.

## What it cost

{{ trainings }} trainings, each on one processor and counted once where several variants rest on it, took
{{ hours }} hours together.

- Commits: {{ commits | join(", ") or "not known" }}.
{% if mixed %}
- Steps that several versions of the code made, in several sittings: {{ mixed | join("; ") }}.
{% endif %}
- Machines: {{ machines | join("; ") }}.
{% for line in libraries %}
- Libraries: {{ line }}.
{% endfor %}

`make reproduce` makes the runs anew and goes on where it stopped, `make reproduction` packs them and writes this page,
and `make reproduce-check` repeats a drawn tenth and compares.
{% if notes %}

## Notes to the tables

What several tables say stands here once, with their names.
{% for note in notes %}

- *{{ note.where }}.* {{ note.text }}
{% endfor %}
{% endif %}
"""
