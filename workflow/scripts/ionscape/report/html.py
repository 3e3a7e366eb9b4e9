"""HTML that needs nothing else."""

from html import escape

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } th, td { padding: .15rem .8rem; text-align: right }
th { border-bottom: 1px solid #999; vertical-align: bottom }
th:first-child, td:first-child { text-align: left }
td:first-child { white-space: nowrap }
td:has(.bar), td:has(.scale) { text-align: left } .bar { background: #4477aa; height: .8rem; display: inline-block }
.scale { position: relative; width: 16rem; height: .9rem; background: #eee }
.scale b { position: absolute; inset: 0 auto 0 0; background: #0072b2 }
.scale i { position: absolute; top: -.1rem; width: 2px; height: 1.1rem; background: #d55e00 }
.note { border-left: .3rem solid #d55e00; padding-left: .6rem } img { max-width: 100% } th.sortable { cursor: pointer }
"""


#: Sorts a table by the column whose head is clicked, numbers as numbers; a second click turns the order.
SORT = """<script>
for (const head of document.querySelectorAll("th")) {
  head.classList.add("sortable"); head.title = "sort";
  head.addEventListener("click", () => {
    const table = head.closest("table"), at = [...head.parentNode.children].indexOf(head);
    const turned = head.dataset.turned = head.dataset.turned === "1" ? "0" : "1";
    const key = row => { const text = row.children[at].textContent, n = parseFloat(text); return isNaN(n) ? text : n; };
    const rows = [...table.querySelectorAll("tr")].slice(1).sort((a, b) => {
      const x = key(a), y = key(b), both = typeof x === typeof y;
      return (both ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === "number" ? -1 : 1) * (turned === "1" ? 1 : -1);
    });
    rows.forEach(row => row.parentNode.appendChild(row));
  });
}
</script>"""


def document(title: str, body: str) -> str:
    """A whole page; the title is text, the body is HTML."""
    title = escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1>{body}</html>\n"
    )


def table(header: list[str], rows: list[list], raw: bool = False) -> str:
    """A table; the cells are text, or with ``raw`` HTML."""

    def cell(value: object) -> str:
        return str(value) if raw else escape(str(value))

    head = "".join(f"<th>{escape(name).replace('_', '_<wbr>')}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def number(value: float | None, digits: int = 4) -> str:
    """A number of a table, or an empty cell."""
    return "" if value is None else f"{value:.{digits}f}"
