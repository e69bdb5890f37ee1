"""The look of a drill page: one style sheet, light and dark, for screen and paper.

In: nothing. Out: `CSS`. It names no outside resource: no font, no image. Next: `cli.drill_html` puts it into the page.
"""

from __future__ import annotations

CSS = """
:root {
  color-scheme: light dark;
  --page: #f4f6f9; --card: #ffffff; --ink: #18202c; --soft: #5a6575; --line: #dde2ea; --lane: #f0f2f6;
  --circuit: #2563c9; --on-circuit: #ffffff; --vpn: #eda53a; --on-vpn: #2d1d00; --mixed: #7c53c3;
  --delivered: #86c9b0; --lost: #cf3030; --tint: #fbdcda; --good: #17774f; --good-tint: #ddf3e8;
  --warn: #8a5a00; --warn-tint: #fdeecf;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f131a; --card: #181e28; --ink: #e7ebf2; --soft: #9aa6b6; --line: #2c3543; --lane: #202733;
    --circuit: #4f86e8; --on-circuit: #ffffff; --vpn: #e0a040; --on-vpn: #241800; --mixed: #9b7be0;
    --delivered: #2f7d63; --lost: #ff7d73; --tint: #4a2227; --good: #63cf9f; --good-tint: #14362a;
    --warn: #f0c069; --warn-tint: #3b2d10;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 0; }
h3 { font-size: 15px; margin: 26px 0 8px; }
p { margin: 0 0 6px; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 3px; }
.soft { color: var(--soft); }
.small { font-size: 13px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px;
  margin: 20px 0 0; }
.drill { border-top: 4px solid var(--soft); }
.drill.passed { border-top-color: var(--good); }
.drill.failed { border-top-color: var(--lost); }
.top { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; }
.verdict { display: inline-block; padding: 1px 10px; border-radius: 99px; font-size: 13px; font-weight: 650;
  background: var(--lane); color: var(--ink); white-space: nowrap; }
.verdict.passed { background: var(--good-tint); color: var(--good); }
.verdict.failed { background: var(--tint); color: var(--lost); }
.verdict.refused { background: var(--warn-tint); color: var(--warn); }
.headline { font-size: 22px; line-height: 1.3; font-weight: 650; margin: 12px 0 6px; letter-spacing: -0.01em; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 18px 0 0;
  padding: 0; list-style: none; }
.tiles li { border: 1px solid var(--line); border-radius: 10px; padding: 9px 13px; }
.tiles b { display: block; font-size: 21px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles span { display: block; font-size: 13px; color: var(--soft); }
.tiles .over b { color: var(--lost); }
.note { border-radius: 10px; padding: 11px 15px; margin: 14px 0 0; }
.note h3 { margin: 0 0 3px; }
.note ul { margin: 0; padding-left: 20px; }
.note.bad { background: var(--tint); }
.note.warn { background: var(--warn-tint); }
.note.plain { background: var(--lane); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 650; padding: 0 0 6px; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
thead th { font-size: 13px; font-weight: 500; color: var(--soft); white-space: nowrap; }
tbody th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
.events td { overflow-wrap: anywhere; }
.events td:nth-child(-n+3) { white-space: nowrap; } .events td:nth-child(4) { min-width: 230px; }
tr.other td, tr.other th { color: var(--soft); font-weight: 400; }
.bad-number { color: var(--lost); font-weight: 650; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(460px, 1fr)); gap: 0 36px; }
.stack h3:first-child { margin-top: 26px; }
ul.plain-list { margin: 0; padding-left: 20px; }
details { margin-top: 8px; }
summary { cursor: pointer; color: var(--soft); font-size: 13px; }
figure { margin: 24px 0 0; }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 4px 20px; margin-bottom: 6px; }
figcaption b { font-size: 15px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0; padding: 0; list-style: none; font-size: 13px;
  color: var(--soft); }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px;
  vertical-align: -1px; }
.i-delivered { background: var(--delivered); }
.i-lost { background: var(--tint); border-bottom: 3px solid var(--lost); }
.i-circuit { background: var(--circuit); } .i-vpn { background: var(--vpn); }
.i-none { border: 1.5px dashed var(--lost); }
svg { display: block; }
svg.timeline { width: 100%; min-width: 880px; height: auto; }
svg text { fill: var(--ink); font-size: 12px; font-family: inherit; }
svg .name { font-weight: 600; }
svg .after { font-weight: 650; font-variant-numeric: tabular-nums; }
svg .what, svg .tick { fill: var(--soft); font-size: 11.5px; }
svg .tick { font-variant-numeric: tabular-nums; }
svg .lane { fill: var(--lane); }
svg .delivered { fill: var(--delivered); }
svg .lost { fill: var(--tint); }
svg .lost-strip { fill: var(--lost); }
svg .arrow { stroke: var(--lost); stroke-width: 1.5; fill: none; }
svg .gap { fill: var(--lost); font-size: 15px; font-weight: 700; }
svg .inside { paint-order: stroke; stroke: var(--tint); stroke-width: 5px; stroke-linejoin: round; }
svg .halo, svg .event, svg .moment-name { paint-order: stroke; stroke: var(--card); stroke-width: 4px;
  stroke-linejoin: round; }
svg .path.circuit { fill: var(--circuit); } svg .path.vpn { fill: var(--vpn); } svg .path.mixed { fill: var(--mixed); }
svg .path.none { fill: none; stroke: var(--lost); stroke-dasharray: 4 3; }
svg .path-name { font-weight: 600; font-size: 11.5px; fill: var(--on-circuit); }
svg .path-name.vpn { fill: var(--on-vpn); } svg .path-name.none { fill: var(--lost); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis, svg .divide { stroke: var(--soft); stroke-width: 1; }
svg .divide { stroke: var(--line); }
svg .moment { stroke-width: 1.5; stroke-dasharray: 5 3; }
svg .broke { stroke: var(--lost); } svg .mended { stroke: var(--good); }
svg .moment-name { font-weight: 650; stroke: var(--card); }
svg .moment-name.broke { fill: var(--lost); } svg .moment-name.mended { fill: var(--good); }
svg .mark { fill: var(--ink); stroke: var(--card); stroke-width: 1; }
svg .mark.failover { fill: var(--vpn); } svg .mark.route { fill: var(--circuit); }
svg .mark.probe { fill: var(--mixed); }
svg .leader { stroke: var(--soft); stroke-width: 1; }
svg .bar { fill: var(--delivered); } svg .unlimited { fill: var(--soft); } svg .over { fill: var(--lost); }
svg .bar-back { fill: var(--lane); }
svg .bound { stroke: var(--ink); stroke-width: 2; }
svg .limit { stroke: var(--lost); stroke-width: 2; stroke-dasharray: 3 2; }
footer { margin-top: 26px; color: var(--soft); font-size: 13px; }
@media print {
  :root { --page: #ffffff; --card: #ffffff; --ink: #000000; --soft: #444444; --line: #cccccc; --lane: #f0f2f6;
    --circuit: #2563c9; --on-circuit: #ffffff; --vpn: #eda53a; --on-vpn: #2d1d00; --mixed: #7c53c3;
    --delivered: #86c9b0; --lost: #b02020; --tint: #fbdcda; --good: #17774f; --good-tint: #ddf3e8;
    --warn: #8a5a00; --warn-tint: #fdeecf; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 12px; }
  main { max-width: none; padding: 0; }
  .card { border-color: #cccccc; break-inside: auto; padding: 14px 16px; }
  .drill { break-before: page; }
  figure, table, .tiles, .note { break-inside: avoid; }
  svg.timeline { min-width: 0; }
  .wide { overflow: visible; }
}
"""
