#include "tasks/parity_request.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "parity/values_file.h"

namespace tenon {
namespace {

Place flag_place(const char* flag) {
  Place place;
  place.file = "parity";
  place.inside = flag;
  return place;
}

std::optional<DType> dtype_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (name == "bf16") return DType::kBF16;
  if (name == "fp16") return DType::kF16;
  return DType::kF32;
}

using Layers = std::pair<std::int64_t, std::int64_t>;

std::optional<Layers> range_of(std::string_view text) {
  const char* const end = text.data() + text.size();
  std::int64_t first = -1;
  auto [at, failed] = std::from_chars(text.data(), end, first);
  std::int64_t last = first;
  if (failed == std::errc() && at != end && *at == '-') {
    const auto rest = std::from_chars(at + 1, end, last);
    at = rest.ptr;
    failed = rest.ec;
  }
  if (failed != std::errc() || at != end || first < 0 || last < first) return std::nullopt;
  return Layers{first, last};
}

// As pages to print: 0-3,7
std::vector<Layers> layers_of(std::string_view text) {
  if (text == "all") return {};
  std::vector<Layers> out;
  for (std::size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = text.find(',', begin);
    const std::string_view part = text.substr(begin, end == std::string_view::npos ? end : end - begin);
    const auto range = range_of(part);
    if (!range)
      throw UserError("args-value"_id, flag_place("--layers"), fmt::format("'{}' names no layers", part),
                      "Write all, 7, 0-3 or 0-3,7.");
    out.push_back(*range);
  }
  return out;
}

BackendChoice backend_of(const std::string& name) {
  if (name == "cpu") return BackendChoice::kCpu;
  return name == "cuda" ? BackendChoice::kCuda : BackendChoice::kAuto;
}

ParityOptions parity_options(const Options& given) {
  ParityOptions options;
  options.dtype = dtype_of(given.dtype);
  options.layers = layers_of(given.layers);
  options.tokens = given.tokens;
  options.seed = given.seed;
  options.module = given.module;
  options.keep_outputs = !given.save_outputs.empty();
  if (!given.inputs.empty()) {
    options.inputs = read_values(given.inputs);
    options.tokens = tokens_of(options.inputs, given.inputs);
  }
  return options;
}

}  // namespace

ParityRequest parity_request(const Options& given) {
  ParityRequest request;
  request.original = given.source;
  request.fused = given.other;
  request.options = parity_options(given);
  request.machine = backend_of(given.backend);
  request.plan = given;
  // To parity it is what the modules compute in, to a conversion what weights are cast to.
  request.plan.dtype.clear();
  return request;
}

}  // namespace tenon
