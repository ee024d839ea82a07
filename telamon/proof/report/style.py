"""How a report looks: on paper, on a desk and on a phone, by day and by night."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6675;--line:#d9dfe6;--paper:#fff;--card:#f6f8fa;--good:#1a7f4b;
--bad:#b3261e;--warn:#8a5a00;--median:#1f6f8b;--longest:#c77a12}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b5;--line:#313b47;--paper:#12171d;--card:#1a2129;
--good:#5ec48b;--bad:#ff8a80;--warn:#e0b050;--median:#6cc3e0;--longest:#f0a94a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:break-word}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .4rem}
h2{font-size:1.25rem;line-height:1.3;margin:0 0 .3rem}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
p{margin:.4rem 0;max-width:46rem}
a{color:inherit}
.soft{color:var(--soft)}
.run{border-top:2px solid var(--line);margin-top:2.2rem;padding-top:1.4rem}
.head{display:flex;flex-wrap:wrap;gap:.3rem .8rem;align-items:baseline}
.badge{border:1.5px solid currentColor;border-radius:1rem;padding:.02rem .6rem;font-size:.85rem;font-weight:600;
white-space:nowrap}
.passed{color:var(--good)}.failed,.broken{color:var(--bad)}.void,.skipped{color:var(--warn)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:1rem 0}
.fact{background:var(--card);border-radius:.5rem;padding:.55rem .75rem}
.fact b{display:block;font-size:1.25rem;font-weight:650;line-height:1.3}
.fact span{color:var(--soft);font-size:.85rem}
.scroll{overflow-x:auto}
.scroll svg{min-width:34rem}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:left;padding:.32rem .6rem .32rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td:first-child{min-width:7.5rem}
th{font-weight:600;color:var(--soft);white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding-right:1rem}
figure{margin:1rem 0}
figcaption{color:var(--soft);font-size:.88rem;margin-bottom:.2rem}
svg{display:block;width:100%;height:auto}
svg text{font:11px system-ui,sans-serif;fill:var(--soft)}
svg .grid{stroke:var(--line)}svg .span{fill:var(--warn);opacity:.09}
svg .median{fill:none;stroke:var(--median);stroke-width:1.6}
svg .longest{fill:none;stroke:var(--longest);stroke-width:1.1}
svg .broken-off{stroke:var(--bad);stroke-width:2.4}svg .mark{stroke:var(--soft);stroke-dasharray:3 3}
svg .before{fill:var(--median)}svg .during{fill:var(--longest)}svg .after{fill:var(--good)}
.key{white-space:nowrap;margin-left:.7rem}
.key i{display:inline-block;width:.75rem;height:.75rem;border-radius:2px;vertical-align:-1px;margin-right:.3rem}
.k-median,.k-before{background:var(--median)}.k-longest,.k-during{background:var(--longest)}
.k-failed{background:var(--bad)}.k-after{background:var(--good)}
code{background:var(--card);border-radius:.3rem;padding:.1rem .35rem;font:.88em ui-monospace,Menlo,Consolas,monospace}
pre{background:var(--card);border-radius:.5rem;padding:.6rem .8rem;overflow-x:auto;margin:.5rem 0}
pre code{background:none;padding:0}
ul{padding-left:1.2rem;margin:.4rem 0}
@media print{.run{break-inside:avoid-page}body{max-width:none}}
"""
