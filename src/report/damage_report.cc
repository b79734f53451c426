#include "report/damage_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/fields.h"
#include "base/text.h"
#include "report/diff_report.h"

namespace tenon {
namespace {

// The largest error of a tensor, with the shape that its place is told by.
struct WorstOfTensor {
  const Shape& shape;
  const WorstNumber& number;
};

// Of a tensor, which several taken together are not.
template <typename T>
std::optional<T> of_tensor(const Damage& d, const T& value) {
  return d.key.empty() ? std::nullopt : std::optional(value);
}

}  // namespace

template <>
struct FieldsOf<WorstOfTensor> {
  static std::vector<Field<WorstOfTensor>> fields() {
    return {
        field<WorstOfTensor>(
            "element", [](const WorstOfTensor& w) { return w.number.element; },
            "Its place, counted in row-major order"),
        field<WorstOfTensor>(
            "index", [](const WorstOfTensor& w) { return index_text(w.shape, w.number.element); },
            "The same as an index"),
        field<WorstOfTensor>(
            "was", [](const WorstOfTensor& w) { return w.number.was; }, "In the source"),
        field<WorstOfTensor>(
            "is", [](const WorstOfTensor& w) { return w.number.is; }, "As it comes back"),
    };
  }
};

template <>
struct FieldsOf<Damage> {
  static std::vector<Field<Damage>> fields() {
    return {
        field<Damage>(
            "key", [](const Damage& d) { return of_tensor(d, d.key); }, "The tensor of the source"),
        field<Damage>(
            "dtype", [](const Damage& d) { return of_tensor(d, d.dtype); }, "As safetensors names it"),
        field<Damage>(
            "shape", [](const Damage& d) { return of_tensor(d, d.shape); }, "Extents, outermost first"),
        field<Damage>("coding", &Damage::coding, "In what its numbers stand now"),
        field<Damage>("elements", &Damage::elements, "How many were compared"),
        field<Damage>("differing", &Damage::differing, "How many came back as another number"),
        field<Damage>(
            "relative_error", [](const Damage& d) { return Real{d.relative_error()}; },
            "||x' - x|| / ||x||, x' being what comes back"),
        field<Damage>(
            "signal_to_noise", [](const Damage& d) { return Real{d.signal_to_noise()}; },
            "In decibels; Infinity where nothing was lost"),
        field<Damage>(
            "cosine", [](const Damage& d) { return Real{d.cosine()}; }, "Between x and x'"),
        field<Damage>("not_finite", &Damage::not_finite,
                      "Numbers that are not finite, before or after; all sums leave them out"),
        field<Damage>("saturated", &Damage::saturated, "Beyond the largest code, by more than rounding"),
        field<Damage>("underflowed", &Damage::underflowed, "Not zero before, zero now"),
        field<Damage>("blocks", &Damage::blocks, "Blocks that share a scale; 0: numbers have none"),
        field<Damage>("zero_blocks", &Damage::zero_blocks, "Of them, those that are all zeros now"),
        field<Damage>("lost_blocks", &Damage::lost_blocks, "Of those, the ones that were not"),
        field<Damage>(
            "histogram",
            [](const Damage& d) { return std::vector<std::uint64_t>(d.bins.begin(), d.bins.end()); },
            "Numbers by |x' - x| / |x|: 0, up to 2^-16, 2^-15, ... 2^0, above"),
        field<Damage>(
            "worst",
            [](const Damage& d) {
              return d.worst ? std::optional(WorstOfTensor{d.shape, *d.worst}) : std::nullopt;
            },
            "The number that is off farthest"),
    };
  }
};

template <>
struct FieldsOf<DamageReport> {
  static std::vector<Field<DamageReport>> fields() {
    return {
        field<DamageReport>(
            "tenon", [](const DamageReport&) { return std::string(TENON_VERSION); },
            "The tenon that measured"),
        field<DamageReport>(
            "report", [](const DamageReport&) { return std::string("damage"); }, "damage"),
        field<DamageReport>("source", &DamageReport::source, "The checkpoint that was converted"),
        field<DamageReport>("destination", &DamageReport::destination, "The folder that was made"),
        field<DamageReport>("plan", &DamageReport::plan, "The hash of the plan that was carried out"),
        field<DamageReport>("untouched", &DamageReport::untouched,
                            "Tensors whose numbers no operation took: they came along as they are"),
        field<DamageReport>("unmeasured", &DamageReport::unmeasured,
                            "Tensors that were decoded, or are F64, and were not measured"),
        field<DamageReport>("codings", damage_by_coding, "The tensors of each coding taken together"),
        field<DamageReport>("tensors", &DamageReport::tensors, "Each tensor that was measured"),
    };
  }
};

std::vector<Damage> damage_by_coding(const DamageReport& report) {
  std::vector<Damage> out;
  for (const Damage& d : report.tensors) {
    auto found = std::find_if(out.begin(), out.end(), [&](const Damage& o) { return o.coding == d.coding; });
    if (found == out.end()) {
      out.emplace_back();
      found = out.end() - 1;
      found->coding = d.coding;
    }
    found->add(d);
  }
  return out;
}

std::string decibels(double value) {
  return std::isfinite(value) ? fmt::format("{:.1f} dB", value) : value > 0 ? "exact" : "-inf dB";
}

std::string damage_text(const DamageReport& report) {
  if (report.tensors.empty()) return "no numbers were rounded\n";
  std::string out;
  for (const Damage& d : damage_by_coding(report)) {
    const auto count = std::count_if(report.tensors.begin(), report.tensors.end(),
                                     [&](const Damage& t) { return t.coding == d.coding; });
    out += fmt::format("{} as {}: relative error {:.3g}, {}, cosine {:.6f}; {} saturated, {} underflowed",
                       counted(static_cast<std::uint64_t>(count), "tensor"), d.coding, d.relative_error(),
                       decibels(d.signal_to_noise()), d.cosine(), d.saturated, d.underflowed);
    if (d.blocks > 0)
      out += fmt::format(", {} of {} are zero, {} of them were not", d.zero_blocks,
                         counted(d.blocks, "block"), d.lost_blocks);
    out += "\n";
  }
  return out;
}

nlohmann::ordered_json damage_json(const DamageReport& report) {
  return document_of(report);
}

nlohmann::ordered_json damage_schema() {
  return document_schema<DamageReport>("The report.json of tenon convert --report");
}

}  // namespace tenon
