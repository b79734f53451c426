#include "report/parity_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/content_hash.h"
#include "report/html_text.h"
#include "tensor/dtype.h"

namespace tenon {
namespace {

std::string rho(double value) {
  if (!std::isfinite(value)) return "inf";
  return value < 100 ? fmt::format("{:.3f}", value) : fmt::format("{:.2g}", value);
}

std::string seconds_text(double seconds) {
  return seconds < 1 ? fmt::format("{:.0f} ms", 1e3 * seconds) : fmt::format("{:.1f} s", seconds);
}

// One hash for all weights of a side: what a report is about, in a line.
std::string fingerprint(const ParityResult& result, std::vector<HashedTensor> ModuleResult::*side) {
  std::map<std::string, std::string> hashes;
  for (const auto& m : result.modules) {
    for (const auto& tensor : m.*side) hashes.emplace(tensor.key, tensor.hash);
  }
  std::string text;
  for (const auto& [key, hash] : hashes) text.append(key).append(" ").append(hash).append("\n");
  return fmt::format("{} tensors, {}", hashes.size(), content_hash(text));
}

// From pale to deep over rho 0 to 1; red above.
std::string cell_colour(const ModuleResult& m) {
  const double ratio = std::max(m.original.ratio, m.fused.ratio);
  if (!m.holds()) return "#ff9c93";
  return fmt::format("hsl(205 55% {:.0f}%)", 92 - 42 * std::clamp(ratio, 0.0, 1.0));
}

const char* check_meaning(const std::string& name) {
  if (name == "bytes") return "the fused weights are the original ones, moved";
  if (name == "bitwise") return "summed in one order, the outputs are equal";
  if (name == "bounded") return "both lie within the error bound of the FP64 result";
  if (name == "no worse") return "the fused module errs no more than the original";
  return "planted faults are rejected";
}

std::string verdict(const ParitySubject& subject, const ParityResult& result) {
  const auto holding = std::count_if(result.modules.begin(), result.modules.end(),
                                     [](const ModuleResult& m) { return m.holds(); });
  std::size_t applied = 0;
  std::size_t killed = 0;
  for (const auto& m : result.modules) {
    for (const auto& mutant : m.mutants) applied += mutant.applies, killed += mutant.applies && mutant.killed;
  }
  std::string what = result.modules.empty() ? "No module was compared"
                     : result.holds() && !result.covers()
                         ? "What was compared holds; other tensors move that no program reads"
                     : result.holds() ? "The fused modules compute what the original ones do"
                                      : "The fused modules do not compute what the original ones do";
  return fmt::format(
      "<h1 class=\"{}\">{}</h1>\n<p>{} of {} modules pass all five checks; {} of {} planted faults were "
      "rejected.</p>\n"
      "<p>{}</p>\n"
      "<p class=\"quiet\"><span class=\"path\">{}</span> against {}. {} backend, {} tokens, seed {}, "
      "{}.</p>\n",
      result.holds() ? "good" : "bad", what, holding, result.modules.size(), killed, applied,
      html_text(parity_coverage(result)), html_text(subject.original),
      subject.fused.empty() ? "what the plan makes of it"
                            : fmt::format("<span class=\"path\">{}</span>", html_text(subject.fused)),
      result.backend, result.tokens, result.seed, seconds_text(result.seconds));
}

// The five checks over all modules.
std::string overview(const ParityResult& result) {
  std::vector<std::pair<std::string, std::size_t>> holding;
  for (const auto& m : result.modules) {
    const auto checks = parity_checks(m);
    if (holding.empty()) {
      for (const auto& check : checks) holding.emplace_back(check.name, 0);
    }
    for (std::size_t i = 0; i < checks.size(); ++i) holding[i].second += checks[i].holds ? 1 : 0;
  }
  std::string out = "<ul class=\"checks\">\n";
  for (const auto& [name, count] : holding) {
    const bool all = count == result.modules.size();
    out += fmt::format("<li class=\"{}\"><b>{}</b><span>{}</span>{} of {} modules</li>\n",
                       all ? "passes" : "fails", name, check_meaning(name), count, result.modules.size());
  }
  return out + "</ul>\n";
}

std::string worst_element(const ParityResult& result) {
  const ModuleResult* worst = nullptr;
  const auto ratio = [](const ModuleResult& m) { return std::max(m.original.ratio, m.fused.ratio); };
  for (const auto& m : result.modules) {
    const bool worse = worst == nullptr || (worst->holds() && !m.holds()) ||
                       (worst->holds() == m.holds() && ratio(m) > ratio(*worst));
    if (worse) worst = &m;
  }
  if (worst == nullptr) return "";
  const bool original = worst->original.ratio > worst->fused.ratio;
  const WorstElement& e = original ? worst->original.worst : worst->fused.worst;
  return fmt::format(
      "<h2>Worst element</h2>\n<div class=\"worst{}\"><code>{}</code> of <code>{}</code>{}, {} side: "
      "<code>{}{}</code> "
      "expected {:.9g}, got {:.9g}; error {:.3g}, bound {:.3g}, rho {}</div>\n",
      worst->holds() ? "" : " fails", html_text(worst->path), html_text(worst->program),
      worst->layer ? fmt::format(", layer {}", *worst->layer) : "", original ? "original" : "fused",
      html_text(e.value), to_string(e.at), e.expected, e.got, e.error, e.bound, rho(e.ratio));
}

// A cell for each module in its layer's order; those of a program stand together and wrap.
std::string heat_map(const ParityResult& result) {
  std::map<std::string, std::vector<std::size_t>> rows;
  for (std::size_t i = 0; i < result.modules.size(); ++i) rows[result.modules[i].program].push_back(i);
  std::string out =
      "<h2>Rho by layer</h2>\n<p class=\"quiet\">Rho is how far a result lies from the exact one, as a part "
      "of "
      "the farthest that rounding explains; the largest over both sides. At most 1 is proven to be rounding, "
      "and "
      "0.98 is as right as 0.02. Each cell leads to its module.</p>\n";
  for (auto& [program, modules] : rows) {
    std::stable_sort(modules.begin(), modules.end(), [&](std::size_t a, std::size_t b) {
      return result.modules[a].layer.value_or(-1) < result.modules[b].layer.value_or(-1);
    });
    out += fmt::format("<h3 class=\"path\">{}</h3>\n<div class=\"map\">\n", html_text(program));
    for (const std::size_t i : modules) {
      const ModuleResult& m = result.modules[i];
      out += fmt::format(
          "<a href=\"#m{}\" class=\"{}\" style=\"background:{}\" title=\"{}{}\"><span>{}</span>{}</a>\n", i,
          m.holds() ? "" : "fails", cell_colour(m), html_text(m.path), m.holds() ? "" : ": fails",
          m.layer ? std::to_string(*m.layer) : "-", rho(std::max(m.original.ratio, m.fused.ratio)));
    }
    out += "</div>\n";
  }
  return out;
}

template <std::size_t N>
std::string histogram(const std::string& title, const std::array<std::string, N>& names,
                      const std::array<std::int64_t, N>& one, const std::array<std::int64_t, N>& other) {
  const double most =
      static_cast<double>(std::max({std::int64_t{1}, *std::max_element(one.begin(), one.end()),
                                    *std::max_element(other.begin(), other.end())}));
  std::string out = fmt::format(
      "<table><caption>{}</caption>\n<tr><th></th><th></th><th class=\"number one\">original</th><th "
      "class=\"number other\">fused</th></tr>\n",
      title);
  for (std::size_t i = 0; i < N; ++i) {
    const auto width = [&](std::int64_t n) {
      return n == 0 ? 0.0 : std::max(0.5, 100 * static_cast<double>(n) / most);
    };
    out += fmt::format(
        "<tr><th class=\"number\">{}</th><td class=\"track\"><div class=\"bar one\" "
        "style=\"width:{:.1f}%\"></div><div class=\"bar other\" style=\"width:{:.1f}%\"></div></td><td "
        "class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
        names[i], width(one[i]), width(other[i]), one[i], other[i]);
  }
  return out + "</table>\n";
}

std::string histograms(const ParityResult& result) {
  Deviation original;
  Deviation fused;
  for (const auto& m : result.modules) original.merge(m.original), fused.merge(m.fused);
  const std::array<std::string, 12> ratios = {"0",         "&le; 1e-9", "&le; 1e-8", "&le; 1e-7",
                                              "&le; 1e-6", "&le; 1e-5", "&le; 1e-4", "&le; 1e-3",
                                              "&le; 1e-2", "&le; 0.1",  "&le; 1",    "&gt; 1"};
  const std::array<std::string, 8> ulps = {"0", "1", "2", "3-4", "5-8", "9-16", "17-64", "more"};
  return "<h2>Errors</h2>\n<p class=\"quiet\">How many elements of the outputs lie how far from the FP64 "
         "result.</p>\n<div class=\"bars\">\n" +
         histogram("Error / bound", ratios, original.ratios, fused.ratios) +
         histogram("Units in the last place from the rounded exact value", ulps, original.ulps, fused.ulps) +
         "</div>\n";
}

struct Times {
  std::size_t modules = 0;
  double original = 0, fused = 0;
};

std::string speed(const ParityResult& result) {
  std::map<std::string, Times> programs;
  for (const auto& m : result.modules) {
    Times& times = programs[m.program];
    ++times.modules;
    times.original += m.original_seconds;
    times.fused += m.fused_seconds;
  }
  // A reference invites no comparison with anything that is meant to be fast.
  const bool is_reference = result.backend == "cpu";
  std::string out = fmt::format(
      "<h2>Speed</h2>\n<p class=\"quiet\">One run of a module on {} tokens, on the {} backend; the mean over "
      "the "
      "modules.{}</p>\n<div class=\"wide\"><table>\n<tr><th>program</th><th class=\"number\">modules</th><th "
      "class=\"number\">original</th><th class=\"number\">fused</th>{}</tr>\n",
      result.tokens, result.backend,
      is_reference
          ? " The CPU backend is made to be checked and not to be fast: these times say what the check "
            "cost, and nothing of a model's speed."
          : "",
      is_reference ? "" : "<th class=\"number\">fused is</th>");
  for (const auto& [program, times] : programs) {
    const auto count = static_cast<double>(times.modules);
    out += fmt::format(
        "<tr><td class=\"path\">{}</td><td class=\"number\">{}</td><td class=\"number\">{:.3f} ms</td><td "
        "class=\"number\">{:.3f} ms</td>",
        html_text(program), times.modules, 1e3 * times.original / count, 1e3 * times.fused / count);
    if (!is_reference)
      out += fmt::format(
          "<td class=\"number\">{}</td>",
          times.fused > 0 ? fmt::format("{:.2f} &times; as fast", times.original / times.fused) : "-");
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string hash_list(const char* title, const std::vector<HashedTensor>& tensors) {
  std::string out =
      fmt::format("<details class=\"hashes\"><summary class=\"quiet\">hashes of {} {}</summary>\n",
                  tensors.size(), title);
  for (const auto& tensor : tensors)
    out += fmt::format("<div class=\"hash quiet\"><code>{} {}</code></div>\n", html_text(tensor.key),
                       tensor.hash);
  return out + "</details>\n";
}

std::string module_section(std::size_t index, const ModuleResult& m) {
  std::string out = fmt::format(
      "<details id=\"m{}\"{}><summary><b class=\"{}\">{}</b> <span class=\"path\">{}</span> <span "
      "class=\"quiet\">{}, {}</span> <span class=\"rho quiet\">rho {}</span></summary>\n<table>\n"
      "<tr><th>check</th><th></th><th>what was seen</th></tr>\n",
      index, m.holds() ? "" : " open", m.holds() ? "good" : "bad", m.holds() ? "holds" : "FAILS",
      html_text(m.path), html_text(m.claims.empty() ? m.program : m.program + ": " + m.claims),
      name_of(m.dtype), rho(std::max(m.original.ratio, m.fused.ratio)));
  for (const auto& check : parity_checks(m)) {
    out += fmt::format("<tr><td>{}</td><td class=\"{}\">{}</td><td>{}</td></tr>\n", check.name,
                       check.holds ? "good" : "bad", check.holds ? "ok" : "fails", html_text(check.summary));
  }
  for (const auto& weight : m.unread)
    out += fmt::format("<tr><td>never read</td><td class=\"{}\">{}</td><td class=\"path\">{}</td></tr>\n",
                       weight.differs ? "bad" : "", weight.differs ? "differs" : "bytes alone",
                       html_text(weight.key));
  out += "</table>\n<table>\n<tr><th>planted fault</th><th>in</th><th>rejected by</th></tr>\n";
  for (const auto& mutant : m.mutants) {
    const std::string by = !mutant.applies ? "does not apply: it changes nothing"
                           : mutant.killed ? fmt::format("{}", fmt::join(mutant.killed_by, ", "))
                                           : "NOT REJECTED";
    out += fmt::format("<tr><td>{}</td><td class=\"path\">{}</td><td class=\"{}\">{}</td></tr>\n",
                       html_text(mutant.name), html_text(mutant.weight),
                       !mutant.applies || mutant.killed ? "" : "bad", by);
  }
  out +=
      fmt::format("</table>\n<p class=\"quiet\">Original {:.3g} ms, fused {:.3g} ms on this backend.</p>\n",
                  1e3 * m.original_seconds, 1e3 * m.fused_seconds);
  return out + hash_list("original weights", m.original_tensors) +
         hash_list("fused weights", m.fused_tensors) + "</details>\n";
}

std::string row(std::string_view name, std::string_view value) {
  return fmt::format("<tr><td>{}</td><td class=\"path\">{}</td></tr>\n", html_text(name), html_text(value));
}

std::string provenance(const ParitySubject& subject, const ParityResult& result, const ReportOrigin& origin) {
  std::string out;
  if (!result.uncovered.empty())
    out +=
        "<h2>Not compared</h2>\n<div "
        "class=\"wide\"><table>\n<tr><th>program</th><th>module</th><th>why</th></tr>\n";
  for (const auto& u : result.uncovered)
    out += fmt::format("<tr><td>{}</td><td class=\"path\">{}</td><td>{}</td></tr>\n", html_text(u.program),
                       html_text(u.path), html_text(u.reason));
  if (!result.uncovered.empty()) out += "</table></div>\n";
  out += "<h2>Made with</h2>\n<table>\n" + row("tenon", TENON_VERSION);
  if (!origin.date.empty()) out += row("date", origin.date);
  if (!origin.command.empty()) out += row("command", origin.command);
  out += row("machine", result.machine) + row("seed", std::to_string(result.seed));
  out += row("original weights", fingerprint(result, &ModuleResult::original_tensors));
  out += row("fused weights", fingerprint(result, &ModuleResult::fused_tensors));
  for (const auto& rule : subject.rules) out += row("rules " + rule.name, rule.hash);
  return out + "</table>\n";
}

}  // namespace

std::string parity_html(const ParitySubject& subject, const ParityResult& result,
                        const ReportOrigin& origin) {
  std::string out =
      html_head(fmt::format("{} - parity of {}", result.holds() ? "Holds" : "Fails", subject.original));
  out += verdict(subject, result);
  if (!result.modules.empty()) {
    out += overview(result) + heat_map(result) + worst_element(result) + histograms(result) + speed(result) +
           "<h2>Modules</h2>\n";
    for (std::size_t i = 0; i < result.modules.size(); ++i) out += module_section(i, result.modules[i]);
  }
  return out + provenance(subject, result, origin) + "</body>\n</html>\n";
}

}  // namespace tenon
