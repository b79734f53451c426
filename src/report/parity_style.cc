#include "report/parity_html.h"

namespace tenon {

std::string_view parity_style() {
  return R"(
:root { color-scheme: light dark; --ground: #fcfcfa; --ink: #1c2024; --quiet: #5d666f; --line: #d9dcdf; --panel: #f1f2f0;
  --good: #14683b; --bad: #b3261e; --one: #2b5f9e; --other: #b06a12; }
@media (prefers-color-scheme: dark) { :root { --ground: #15181b; --ink: #e6e8ea; --quiet: #9aa4ad; --line: #343a40;
  --panel: #1e2226; --good: #62c98f; --bad: #ff8a80; --one: #7fb2ec; --other: #e0a458; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; text-wrap: balance; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
.quiet { color: var(--quiet); } .good { color: var(--good); } .bad { color: var(--bad); }
code, td.number, .path { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: .86em; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; } th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--quiet); font-size: .85rem; } tr + tr td { border-top: 1px solid var(--line); }
.wide { overflow-x: auto; }
.map td, .map th { padding: 2px; border: 0; text-align: center; } .map th.row { text-align: right; padding-right: .6rem; }
.map a { display: block; min-width: 2.6rem; padding: .3rem .2rem; border-radius: 3px; color: #10151a; text-decoration: none;
  font: .78rem ui-monospace, "DejaVu Sans Mono", monospace; }
.map a.fails { outline: 3px solid var(--bad); outline-offset: -3px; font-weight: 700; }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--one); outline-offset: 2px; }
.bars { display: flex; gap: 2.5rem; flex-wrap: wrap; } .bars td { padding: .1rem .6rem .1rem 0; border: 0; font-size: .85rem; }
.bar { height: .55rem; border-radius: 2px; margin: 1px 0; min-width: 1px; } .bar.one { background: var(--one); }
.bar.other { background: var(--other); } .key i { display: inline-block; width: .8rem; height: .55rem; margin: 0 .35rem 0 .9rem; }
.worst { background: var(--panel); border-left: 4px solid var(--line); padding: .75rem 1rem; overflow-wrap: anywhere; }
.worst.fails { border-color: var(--bad); }
details { border-top: 1px solid var(--line); padding: .5rem 0; } summary { cursor: pointer; overflow-wrap: anywhere; }
details[open] summary { margin-bottom: .5rem; } .hash { overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } details { break-inside: avoid; }
  .map a { -webkit-print-color-adjust: exact; print-color-adjust: exact; } .bar { print-color-adjust: exact; } }
)";
}

}  // namespace tenon
