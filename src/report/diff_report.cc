#include "report/diff_report.h"

#include <fmt/format.h>

#include "base/fields.h"
#include "base/text.h"

namespace tenon {
namespace {

std::string difference_text(const ByteDifference& difference) {
  std::string out = fmt::format(
      "  {}  {}: first at {}: {} against {}", visible(difference.key),
      header_of(difference.dtype, difference.shape), index_text(difference.shape, difference.element),
      element_text(difference.dtype, difference.a), element_text(difference.dtype, difference.b));
  if (const auto& s = difference.statistics) {
    out += fmt::format("; {} of {} elements ({:.2g} %)", s->differing, s->elements,
                       100.0 * static_cast<double>(s->differing) / static_cast<double>(s->elements));
    if (s->largest) out += fmt::format(", by {:.4g} at most", *s->largest);
  }
  return out + "\n";
}

std::string only_in_text(const std::string& folder, const std::vector<std::string>& keys) {
  if (keys.empty()) return "";
  std::string out = fmt::format("only in {} ({}):\n", visible(folder), keys.size());
  for (const auto& key : keys) out += fmt::format("  {}\n", visible(key));
  return out;
}

// Dtype and shape of one side.
struct SideHeader {
  DType dtype;
  Shape shape;
};

}  // namespace

template <>
struct FieldsOf<SideHeader> {
  static std::vector<Field<SideHeader>> fields() {
    return {
        field<SideHeader>("dtype", &SideHeader::dtype, "As safetensors names it"),
        field<SideHeader>("shape", &SideHeader::shape, "Extents, outermost first"),
    };
  }
};

template <>
struct FieldsOf<HeaderDifference> {
  static std::vector<Field<HeaderDifference>> fields() {
    return {
        field<HeaderDifference>("key", &HeaderDifference::key, "The tensor"),
        field<HeaderDifference>(
            "a",
            [](const HeaderDifference& d) {
              return SideHeader{d.dtype_a, d.shape_a};
            },
            "In the first checkpoint"),
        field<HeaderDifference>(
            "b",
            [](const HeaderDifference& d) {
              return SideHeader{d.dtype_b, d.shape_b};
            },
            "In the second"),
    };
  }
};

template <>
struct FieldsOf<ElementStatistics> {
  static std::vector<Field<ElementStatistics>> fields() {
    return {
        field<ElementStatistics>("elements", &ElementStatistics::elements, "Of the tensor"),
        field<ElementStatistics>("differing", &ElementStatistics::differing, "Whose bits differ"),
        field<ElementStatistics>(
            "largest",
            [](const ElementStatistics& s) {
              return s.largest ? std::optional(Real{*s.largest}) : std::nullopt;
            },
            "The largest |a - b|; absent where the dtype is no number to tenon"),
    };
  }
};

template <>
struct FieldsOf<RenamedTensor> {
  static std::vector<Field<RenamedTensor>> fields() {
    return {
        field<RenamedTensor>("a", &RenamedTensor::a, "Its name in the first checkpoint"),
        field<RenamedTensor>("b", &RenamedTensor::b, "And in the second"),
    };
  }
};

template <>
struct FieldsOf<ByteDifference> {
  static std::vector<Field<ByteDifference>> fields() {
    return {
        field<ByteDifference>("key", &ByteDifference::key, "The tensor"),
        field<ByteDifference>("dtype", &ByteDifference::dtype, "As safetensors names it"),
        field<ByteDifference>("shape", &ByteDifference::shape, "Extents, outermost first"),
        field<ByteDifference>("element", &ByteDifference::element,
                              "The first that differs, counted in row-major order"),
        field<ByteDifference>(
            "index", [](const ByteDifference& d) { return index_text(d.shape, d.element); },
            "The same as an index"),
        field<ByteDifference>("a", &ByteDifference::a,
                              "Its bytes in the first checkpoint, as a hexadecimal number"),
        field<ByteDifference>("b", &ByteDifference::b, "And in the second"),
        field<ByteDifference>("statistics", &ByteDifference::statistics,
                              "With --statistics: of all elements"),
    };
  }
};

template <>
struct FieldsOf<DiffReport> {
  static std::vector<Field<DiffReport>> fields() {
    return {
        field<DiffReport>("a", &DiffReport::a, "The first checkpoint"),
        field<DiffReport>("b", &DiffReport::b, "The second"),
        field<DiffReport>(
            "same", [](const DiffReport& r) { return r.same(); }, "Nothing differs"),
        field<DiffReport>("tensors_in_both", &DiffReport::tensors_in_both, "Tensors whose names both have"),
        field<DiffReport>("bytes_compared", &DiffReport::bytes_compared,
                          "Bytes of tensors that were compared; 0 with --headers"),
        field<DiffReport>("through", &DiffReport::through,
                          "Rules and families that the first was taken through, in memory"),
        field<DiffReport>("renamed", &DiffReport::renamed,
                          "Tensors that the second has under another name, with the same bytes"),
        field<DiffReport>("only_in_a", &DiffReport::only_in_a, "Tensors that the second lacks"),
        field<DiffReport>("only_in_b", &DiffReport::only_in_b, "Tensors that the first lacks"),
        field<DiffReport>("headers", &DiffReport::headers, "Tensors whose dtype or shape differs"),
        field<DiffReport>("bytes", &DiffReport::bytes, "Tensors whose bytes differ"),
    };
  }
};

std::string diff_text(const DiffReport& report) {
  std::string out;
  if (!report.renamed.empty()) out += fmt::format("renamed ({}):\n", report.renamed.size());
  for (const auto& [in_a, in_b] : report.renamed)
    out += fmt::format("  {} -> {}\n", visible(in_a), visible(in_b));
  out += only_in_text(report.a, report.only_in_a) + only_in_text(report.b, report.only_in_b);
  if (!report.headers.empty()) out += fmt::format("dtype or shape differs ({}):\n", report.headers.size());
  for (const auto& header : report.headers) {
    out += fmt::format("  {}  {} against {}\n", visible(header.key),
                       header_of(header.dtype_a, header.shape_a), header_of(header.dtype_b, header.shape_b));
  }
  if (!report.bytes.empty()) out += fmt::format("bytes differ ({}):\n", report.bytes.size());
  for (const auto& difference : report.bytes) out += difference_text(difference);
  const std::string compared =
      fmt::format("{} tensor{} in both, {} compared", report.tensors_in_both,
                  report.tensors_in_both == 1 ? "" : "s", human_bytes(report.bytes_compared));
  return out + fmt::format("{}: {}\n", report.same() ? "the same" : "different", compared);
}

nlohmann::ordered_json diff_json(const DiffReport& report) {
  return document_of(report);
}

nlohmann::ordered_json diff_schema() {
  return document_schema<DiffReport>("tenon diff --json");
}

}  // namespace tenon
