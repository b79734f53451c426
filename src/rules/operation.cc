#include "rules/operation.h"

#include <fmt/format.h>

#include <array>

namespace tenon {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

std::string_view name_of(const Operation& operation) {
  constexpr std::array kNames = {"Chunk",
                                 "Concatenate",
                                 "MergeModulelist",
                                 "SplitModulelist",
                                 "Transpose",
                                 "Interleave",
                                 "Conv3dToLinear",
                                 "LinearToConv3d",
                                 "PermuteForRope",
                                 "ErnieFuseAndSplitTextVisionExperts",
                                 "ErnieSplitAndDecoupleTextVisionExperts"};
  return kNames.at(operation.does.index());
}

std::string to_string(const Operation& operation) {
  const std::string parameters = std::visit(
      Overloaded{
          [](const Transpose& o) {
            return fmt::format("dim0={}, dim1={}{}", o.dim0, o.dim1, o.check_dims ? ", check_dims" : "");
          },
          [](const Interleave& o) { return fmt::format("dim={}{}", o.dim, o.inverse ? ", inverse" : ""); },
          [](const Conv3dToLinear&) { return std::string(); },
          [](const LinearToConv3d&) { return std::string(); },
          [](const PermuteForRope& o) { return std::string(o.inverse ? "inverse" : ""); },
          [](const ErnieFuseAndSplitTextVisionExperts& o) {
            return fmt::format("stack_dim={}, concat_dim={}", o.stack_dim, o.concat_dim);
          },
          [](const ErnieSplitAndDecoupleTextVisionExperts& o) {
            return fmt::format("stack_dim={}, concat_dim={}", o.stack_dim, o.concat_dim);
          },
          [](const auto& o) { return fmt::format("dim={}", o.dim); },
      },
      operation.does);
  return parameters.empty() ? std::string(name_of(operation))
                            : fmt::format("{}({})", name_of(operation), parameters);
}

}  // namespace tenon
