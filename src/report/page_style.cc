#include "report/html_text.h"

namespace tenon {

std::string_view page_style() {
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
code, .number, .path { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: .86em; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .path { overflow-wrap: anywhere; }
table { border-collapse: collapse; } th, td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--quiet); font-size: .85rem; } th.number { text-align: right; }
tr + tr td { border-top: 1px solid var(--line); }
.checks { list-style: none; display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.25rem 0 0; padding: 0; }
.checks li { flex: 1 1 10.5rem; padding: .6rem .8rem .7rem; background: var(--panel); border-top: 3px solid var(--good);
  font-size: .85rem; } .checks li.fails { border-color: var(--bad); }
.checks b { display: block; font-size: 1rem; color: var(--good); } .checks .fails b { color: var(--bad); }
.checks span { display: block; color: var(--quiet); line-height: 1.35; margin: .1rem 0 .3rem; }
.wide { overflow-x: auto; }
h3 { font-size: .86rem; font-weight: 600; margin: .8rem 0 .25rem; color: var(--quiet); }
.map { display: flex; flex-wrap: wrap; gap: 3px; }
.map a { display: block; width: 3.4rem; padding: .2rem .2rem .3rem; border-radius: 3px; color: #10151a; text-align: center;
  text-decoration: none; font: .78rem ui-monospace, "DejaVu Sans Mono", monospace; }
.map span { display: block; font-size: .68rem; opacity: .75; }
.map a:hover { outline: 2px solid var(--ink); }
.map a.fails { outline: 3px solid var(--bad); outline-offset: -3px; font-weight: 700; }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--one); outline-offset: 2px; }
.bars { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1rem 3rem; align-items: start; }
.bars table { width: 100%; } .bars caption { text-align: left; font-weight: 600; font-size: .9rem; padding-bottom: .3rem; }
.bars td, .bars tr + tr td { padding: .12rem 0 .12rem .8rem; border: 0; font-size: .82rem; vertical-align: middle; }
.bars th { padding: .12rem 0; font-size: .78rem; font-weight: 500; white-space: nowrap; }
.bars th.one { color: var(--one); } .bars th.other { color: var(--other); } .bars td.track { width: 55%; }
.bar { height: .42rem; border-radius: 2px; margin: 1px 0; } .bar.one { background: var(--one); }
.bar.other { background: var(--other); }
.worst { background: var(--panel); border-left: 4px solid var(--line); padding: .75rem 1rem; overflow-wrap: anywhere; }
.worst.fails { border-color: var(--bad); }
details { border-top: 1px solid var(--line); padding: .45rem 0; } summary { cursor: pointer; overflow-wrap: anywhere; }
details[open] > summary { margin-bottom: .5rem; } details table { margin: 0 0 .9rem 1.1rem; } summary .rho { float: right; }
details p { margin-left: 1.1rem; } .hashes { border: 0; padding: .1rem 0 .1rem 1.1rem; font-size: .85rem; }
.hash { overflow-wrap: anywhere; } :target { background: var(--panel); }
@media print { :root { --ground: #fff; --ink: #000; --panel: #f4f4f2; } body { max-width: none; padding: 0; font-size: 11px; }
  h1 { font-size: 1.6rem; } h2 { break-after: avoid; } details, .bars table, .checks li { break-inside: avoid; }
  .hashes { display: none; }
  .map a, .bar, .checks li { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
)";
}

}  // namespace tenon
