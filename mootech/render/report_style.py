"""How a report's page looks: on a desktop, a phone and paper, in the light and in the dark."""

from mootech.render.vega import AXIS, COLOURS, GRID, INK, OTHER

_IN_THE_DARK = ("#6ea8e8", "#f2a24c", "#4cc6a0", "#e079bd", "#a994f2", "#d8c840", "#a5d8f3", "#cf9a80")
_DARK = {
    **dict(zip(COLOURS, _IN_THE_DARK, strict=True)),
    OTHER: "#8b949e",
    GRID: "#2b323a",
    AXIS: "#6e7681",
    INK: "#e6edf3",
}
# A chart is drawn once, in colours for a light page. On a dark page each is replaced by another.
_TURNED = "".join(
    f'.chart [fill="{light}"]{{fill:{dark}}}.chart [stroke="{light}"]{{stroke:{dark}}}\n'
    for light, dark in _DARK.items()
)

STYLE = f"""
h1{{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem}}
h2{{font-size:1.15rem;margin:2rem 0 .5rem}}
h1,p,dd,figcaption{{overflow-wrap:anywhere}}
p{{margin:.4rem 0}}
.freshness{{font-weight:600}}
.badge{{display:inline-block;color:var(--ink);border:1px solid var(--line);border-radius:.4rem;padding:.15rem .6rem}}
.badge.good{{background:var(--good)}}
.badge.look{{background:var(--l1)}}
.badge.unknown{{background:var(--none)}}
.note{{font-size:13px}}
figure{{margin:1.5rem 0}}
figcaption{{font-weight:600;margin-bottom:.3rem}}
.chart svg{{display:block;width:100%;height:auto;overflow:visible}}
.narrow{{display:none}}
.scroll{{overflow-x:auto;max-width:100%}}
table{{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}}
th,td{{padding:.25rem .5rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--none)}}
td{{max-width:30rem;overflow-wrap:anywhere}}
thead th{{vertical-align:bottom;border-bottom-color:var(--line)}}
th{{font-weight:600}}
.r{{text-align:right}}
td.r,.d{{white-space:nowrap}}
td:not(.r,.d){{min-width:5rem}}
dl{{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;font-size:13px;margin:.5rem 0 1rem}}
dt{{font-weight:600}}
dd{{margin:0}}
@media screen and (max-width:640px){{
body{{margin:1rem auto;padding:0 .9rem}}
h1{{font-size:1.3rem}}
.wide{{display:none}}
.narrow{{display:block}}
}}
@media screen and (prefers-color-scheme:dark){{
{_TURNED}}}
@page{{margin:12mm}}
@media print{{
body{{margin:0;padding:0;max-width:none;font-size:10pt}}
.scroll{{overflow:visible}}
table{{font-size:6.5pt}}
th,td{{padding:.12rem .15rem;overflow-wrap:break-word}}
td:not(.r,.d){{min-width:0;max-width:16rem;overflow-wrap:anywhere}}
thead{{display:table-header-group}}
tr,figure,header{{break-inside:avoid}}
.badge{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
}}
"""
