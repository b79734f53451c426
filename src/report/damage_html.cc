#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/damage_report.h"
#include "report/diff_report.h"
#include "report/html_text.h"

namespace tenon {
namespace {

std::string tile(const char* name, const std::string& value, const char* meaning, bool good) {
  return fmt::format("<li class=\"{}\"><b>{}</b><span>{}</span>{}</li>\n", good ? "passes" : "fails", value,
                     meaning, name);
}

std::string coding_section(const Damage& d) {
  std::string out = fmt::format("<h2>{}</h2>\n<ul class=\"checks\">\n", html_text(d.coding));
  out += tile("relative error", fmt::format("{:.3g}", d.relative_error()), "||x' - x|| / ||x||", true);
  out += tile("signal to noise", decibels(d.signal_to_noise()), "over all numbers", true);
  out += tile("cosine", fmt::format("{:.6f}", d.cosine()), "between before and after", true);
  out += tile("saturated", fmt::format("{}", d.saturated), "beyond the largest code", d.saturated == 0);
  out += tile("underflowed", fmt::format("{}", d.underflowed), "not zero before, zero now", true);
  if (d.blocks > 0)
    out += tile("lost blocks", fmt::format("{} of {}", d.lost_blocks, d.blocks),
                "all zeros now, and not before", d.lost_blocks == 0);
  return out + "</ul>\n";
}

std::string bin_name(std::size_t bin) {
  if (bin == 0) return "0";
  if (bin == Damage::kBins - 1) return "&gt; 1";
  return fmt::format("&le; 2<sup>{}</sup>", static_cast<int>(bin) - 17);
}

std::string error_histogram(const Damage& d) {
  const std::uint64_t most = std::max<std::uint64_t>(1, *std::max_element(d.bins.begin(), d.bins.end()));
  std::string out = fmt::format(
      "<table><caption>{}</caption>\n<tr><th></th><th></th><th class=\"number one\">numbers</th></tr>\n",
      html_text(d.coding));
  for (std::size_t i = 0; i < d.bins.size(); ++i) {
    const double width =
        d.bins[i] == 0 ? 0 : std::max(0.5, 100 * static_cast<double>(d.bins[i]) / static_cast<double>(most));
    out += fmt::format(
        "<tr><th class=\"number\">{}</th><td class=\"track\"><div class=\"bar one\" style=\"width:{:.1f}%\">"
        "</div></td><td class=\"number\">{}</td></tr>\n",
        bin_name(i), width, d.bins[i]);
  }
  return out + "</table>\n";
}

std::string worst_number(const Damage& d) {
  if (!d.worst) return "";
  return fmt::format("{} was {:.7g}, is {:.7g}", index_text(d.shape, d.worst->element), d.worst->was,
                     d.worst->is);
}

std::string tensor_table(const DamageReport& report) {
  std::vector<const Damage*> order;
  for (const Damage& d : report.tensors) order.push_back(&d);
  std::stable_sort(order.begin(), order.end(), [](const Damage* a, const Damage* b) {
    return a->relative_error() > b->relative_error();
  });
  std::string out =
      "<h2>Tensors</h2>\n<p class=\"quiet\">The most damaged first.</p>\n<div class=\"wide\"><table>\n"
      "<tr><th>tensor</th><th>as</th><th class=\"number\">relative error</th><th class=\"number\">signal to "
      "noise</th><th class=\"number\">cosine</th><th class=\"number\">saturated</th><th "
      "class=\"number\">underflowed</th><th class=\"number\">zero blocks</th><th>worst number</th></tr>\n";
  for (const Damage* d : order) {
    out += fmt::format(
        "<tr><td class=\"path\">{}<br><span class=\"quiet\">{} {}</span></td><td>{}</td><td "
        "class=\"number\">{:.3g}</td><td class=\"number\">{}</td><td class=\"number\">{:.6f}</td><td "
        "class=\"number{}\">{}</td><td class=\"number\">{}</td><td class=\"number{}\">{}</td><td "
        "class=\"path\">{}</td></tr>\n",
        html_text(d->key), name_of(d->dtype), to_string(d->shape), html_text(d->coding), d->relative_error(),
        decibels(d->signal_to_noise()), d->cosine(), d->saturated > 0 ? " bad" : "", d->saturated,
        d->underflowed, d->lost_blocks > 0 ? " bad" : "",
        d->blocks > 0 ? fmt::format("{} of {}", d->zero_blocks, d->blocks) : "", html_text(worst_number(*d)));
  }
  return out + "</table></div>\n";
}

std::string origin_row(std::string_view name, std::string_view value) {
  return fmt::format("<tr><td>{}</td><td class=\"path\">{}</td></tr>\n", html_text(name), html_text(value));
}

}  // namespace

std::string damage_html(const DamageReport& report, const ReportOrigin& origin) {
  std::string out = html_head(fmt::format("What {} lost", report.destination));
  out += fmt::format(
      "<h1>{}</h1>\n<p class=\"quiet\"><span class=\"path\">{}</span> against <span "
      "class=\"path\">{}</span>; {} came along as they are{}.</p>\n",
      report.tensors.empty() ? "No numbers were rounded" : "What rounding cost",
      html_text(report.destination), html_text(report.source), counted(report.untouched, "other tensor"),
      report.unmeasured == 0
          ? ""
          : fmt::format(", {} were decoded or are F64, and were not measured", report.unmeasured));
  if (!report.tensors.empty()) {
    const std::vector<Damage> codings = damage_by_coding(report);
    for (const Damage& d : codings) out += coding_section(d);
    out +=
        "<h2>Errors</h2>\n<p class=\"quiet\">How many numbers are off by which part of themselves.</p>\n"
        "<div class=\"bars\">\n";
    for (const Damage& d : codings) out += error_histogram(d);
    out += "</div>\n" + tensor_table(report);
  }
  out += "<h2>Made with</h2>\n<table>\n" + origin_row("tenon", TENON_VERSION);
  if (!origin.date.empty()) out += origin_row("date", origin.date);
  if (!origin.command.empty()) out += origin_row("command", origin.command);
  return out + origin_row("plan", report.plan) + "</table>\n</body>\n</html>\n";
}

}  // namespace tenon
