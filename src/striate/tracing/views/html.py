"""The summary as HTML: the drawing, the totals, and the table."""

from html import escape

from striate.tracing.table import Layer, Table
from striate.tracing.views import text
from striate.tracing.views.drawing import svg

_STYLE = """
.striate { font: 13px/1.4 'Noto Sans','Noto Sans KR','Noto Sans CJK KR',sans-serif; color: #0f172a; }
.striate .scroll { overflow-x: auto; }
.striate table { border-collapse: collapse; margin: 8px 0; }
.striate th, .striate td { padding: 2px 10px; text-align: right; white-space: nowrap; }
.striate tr { border-bottom: 1px solid #e2e8f0; }
.striate th:nth-child(-n+3), .striate td:nth-child(-n+3), .striate td.notes { text-align: left; }
.striate td.notes { color: #b45309; white-space: normal; }
.striate tr.train { color: #64748b; font-style: italic; }
.striate pre { font-size: 12px; margin: 8px 0; }
.striate .warning { color: #b91c1c; }
"""
_HEADINGS = ("layer", "operation", "output", "parameters", "MACs", "receptive field", "jump", "memory")


def fragment(table: Table) -> str:
    """Return the summary as a notebook shows it: drawing, totals, table."""
    timed = table.total.seconds is not None
    headings = (*_HEADINGS, *(["least time"] if timed else []), "remarks")
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    rows = "\n".join(_row(layer, len(headings) - 1) for layer in table.layers)
    warnings = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in table.warnings)
    return (
        f'<div class="striate"><style>{_STYLE}</style>\n<div class="scroll">{svg(table)}</div>\n'
        f"<pre>{escape(text.totals(table))}</pre>{warnings}\n"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>'
        "</div></div>"
    )


def page(table: Table) -> str:
    """Return a whole page that opens from disk and needs nothing else."""
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{escape(table.name)}</title></head>\n'
        f"<body>{fragment(table)}</body></html>\n"
    )


def _row(layer: Layer, columns: int) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in text.cells(layer)[:columns])
    kind = ' class="train"' if layer.train_only else ""
    return f'<tr{kind}>{cells}<td class="notes">{escape("; ".join(layer.notes))}</td></tr>'
