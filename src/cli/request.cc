#include "cli/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace tenon {
namespace {

class Interpreter {
 public:
  Interpreter(const ConvertOptions& flags, const PlaceOfFlag& place, Diagnostics& diagnostics)
      : flags_(flags), place_(place), diagnostics_(diagnostics) {}

  ConvertRequest run() {
    ConvertRequest request;
    request.plan.rules = {layout("to", flags_.to), flags_.rules, flags_.fuse};
    request.plan.options.to = request.plan.rules.to;
    request.plan.options.max_shard_size = shard_size();
    request.plan.options.assume_used = flags_.assume_used;
    request.plan.options.assume_layout = layouts();
    request.plan.options.one_way = flags_.one_way;
    request.max_shard_size = flags_.max_shard_size;
    request.threads = threads();
    request.hash = hash();
    request.stage = {flags_.overwrite, flags_.resume, flags_.sync};
    request.verify = flags_.verify;
    return request;
  }

 private:
  Layout layout(std::string_view flag, const std::string& text) {
    if (text == "fused") return Layout::kFused;
    if (text == "original") return Layout::kOriginal;
    refuse(flag, fmt::format("'{}' is no layout", text), "There are two: fused and original.");
    return Layout::kFused;
  }

  std::optional<std::uint64_t> shard_size() {
    if (flags_.max_shard_size.empty()) return std::nullopt;
    const auto bytes = parse_bytes(flags_.max_shard_size);
    if (bytes && *bytes > 0) return bytes;
    refuse("max_shard_size", fmt::format("'{}' is no size of a shard", flags_.max_shard_size),
           "Write a number and a unit without a space: 5GB, 500MB, 2GiB.");
    return std::nullopt;
  }

  std::vector<LayoutAssumption> layouts() {
    std::vector<LayoutAssumption> out;
    for (const auto& text : flags_.assume_layout) {
      const std::size_t equals = text.rfind('=');
      if (equals == std::string::npos || equals == 0) {
        refuse("assume_layout", fmt::format("'{}' does not say a glob and a layout", text),
               "Write GLOB=original or GLOB=fused, such as 'model.layers.*.mlp.experts.down_proj=original'.");
      } else {
        const bool is_fused = layout("assume_layout", text.substr(equals + 1)) == Layout::kFused;
        out.push_back({text.substr(0, equals), is_fused});
      }
    }
    return out;
  }

  int threads() {
    if (flags_.threads >= 0 && flags_.threads <= kMostThreads) return flags_.threads;
    refuse("threads", fmt::format("{} threads", flags_.threads),
           fmt::format("1 to {}, or 0 for as many as the machine has.", kMostThreads));
    return 0;
  }

  HashKind hash() {
    if (flags_.hash == "xxh3") return HashKind::kXxh3;
    if (flags_.hash == "sha256") return HashKind::kSha256;
    if (flags_.hash == "none") return HashKind::kNone;
    refuse("hash", fmt::format("'{}' is no hash that tenon knows", flags_.hash),
           "There are xxh3 (next to free), sha256 (that and the one that hubs use) and none.");
    return HashKind::kXxh3;
  }

  void refuse(std::string_view flag, std::string message, std::string hint) {
    diagnostics_.error(place_(flag), std::move(message), std::move(hint));
  }

  const ConvertOptions& flags_;
  const PlaceOfFlag& place_;
  Diagnostics& diagnostics_;
};

}  // namespace

ConvertRequest meaning_of(const ConvertOptions& flags, const PlaceOfFlag& place, Diagnostics& diagnostics) {
  return Interpreter(flags, place, diagnostics).run();
}

ConvertRequest meaning_of(const ConvertOptions& flags) {
  const auto place = [](std::string_view flag) {
    std::string option = fmt::format("--{}", flag);
    std::replace(option.begin(), option.end(), '_', '-');
    return Place{option, 0, 0, {}, "", ""};
  };
  Diagnostics diagnostics;
  ConvertRequest request = meaning_of(flags, place, diagnostics);
  diagnostics.throw_if_errors();
  return request;
}

}  // namespace tenon
