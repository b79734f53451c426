#include "report/diff_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "checkpoint/natural_order.h"

namespace tenon {
namespace {

std::string header_of(DType dtype, const Shape& shape) {
  return fmt::format("{} {}", name_of(dtype), to_string(shape));
}

std::string difference_text(const ByteDifference& difference) {
  return fmt::format(
      "  {}  {}: first at {}: {} against {}\n", visible(difference.key),
      header_of(difference.dtype, difference.shape), index_text(difference.shape, difference.element),
      element_text(difference.dtype, difference.a), element_text(difference.dtype, difference.b));
}

std::string only_in_text(const std::string& folder, const std::vector<std::string>& keys) {
  if (keys.empty()) return "";
  std::string out = fmt::format("only in {} ({}):\n", visible(folder), keys.size());
  for (const auto& key : keys) out += fmt::format("  {}\n", visible(key));
  return out;
}

}  // namespace

DiffReport compare_headers(const Checkpoint& a, const Checkpoint& b) {
  DiffReport report;
  report.a = a.directory.string();
  report.b = b.directory.string();
  auto in_a = a.tensors.begin();
  auto in_b = b.tensors.begin();
  while (in_a != a.tensors.end() || in_b != b.tensors.end()) {
    if (in_b == b.tensors.end() || (in_a != a.tensors.end() && natural_less(in_a->key, in_b->key))) {
      report.only_in_a.push_back(in_a++->key);
    } else if (in_a == a.tensors.end() || natural_less(in_b->key, in_a->key)) {
      report.only_in_b.push_back(in_b++->key);
    } else {
      ++report.tensors_in_both;
      if (in_a->dtype != in_b->dtype || in_a->shape != in_b->shape) {
        report.headers.push_back({in_a->key, in_a->dtype, in_b->dtype, in_a->shape, in_b->shape});
      }
      ++in_a;
      ++in_b;
    }
  }
  return report;
}

std::string diff_text(const DiffReport& report) {
  std::string out = only_in_text(report.a, report.only_in_a) + only_in_text(report.b, report.only_in_b);
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
  nlohmann::ordered_json out = {{"a", report.a},
                                {"b", report.b},
                                {"same", report.same()},
                                {"tensors_in_both", report.tensors_in_both},
                                {"bytes_compared", report.bytes_compared},
                                {"only_in_a", report.only_in_a},
                                {"only_in_b", report.only_in_b},
                                {"headers", nlohmann::ordered_json::array()},
                                {"bytes", nlohmann::ordered_json::array()}};
  for (const auto& header : report.headers) {
    out["headers"].push_back({{"key", header.key},
                              {"a", {{"dtype", name_of(header.dtype_a)}, {"shape", header.shape_a}}},
                              {"b", {{"dtype", name_of(header.dtype_b)}, {"shape", header.shape_b}}}});
  }
  for (const auto& difference : report.bytes) {
    out["bytes"].push_back({{"key", difference.key},
                            {"dtype", name_of(difference.dtype)},
                            {"shape", difference.shape},
                            {"element", difference.element},
                            {"index", index_text(difference.shape, difference.element)},
                            {"a", difference.a},
                            {"b", difference.b}});
  }
  return out;
}

}  // namespace tenon
