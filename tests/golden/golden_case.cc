#include "golden_case.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <ostream>

#include "../element_walk.h"
#include "checkpoint/natural_order.h"
#include "rules/resolved_rules.h"

namespace tenon::golden {
namespace {

std::uint32_t fnv1a32(const std::string& text) {
  std::uint32_t hash = 0x811C9DC5;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x01000193;
  return hash;
}

std::string digest_of(const std::string& bytes) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash);
  std::string out;
  for (int i = 0; i < 16; ++i) out += fmt::format("{:02x}", hash[i]);
  return out;
}

std::string bytes_of(const Tensor& tensor) {
  const std::uint32_t seed = fnv1a32(tensor.key);
  std::string out(tensor.bytes, '\0');
  for (std::uint64_t j = 0; j < out.size(); ++j) {
    const auto byte = static_cast<unsigned char>((seed + static_cast<std::uint32_t>(j) * 2654435761u) >> 24);
    out[j] = static_cast<char>(tensor.dtype == DType::kBool ? byte & 1 : byte);
  }
  return out;
}

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string elements_of(const Tensor& tensor) {
  const std::uint32_t seed = fnv1a32(tensor.key);
  std::string out;
  out.reserve(tensor.bytes);
  const std::uint64_t count = element_count(tensor.shape).value();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t value = (seed + static_cast<std::uint32_t>(i) * 2654435761u) & 0xFFFFFF;
    switch (tensor.dtype) {
      case DType::kF32:
        append(out, static_cast<float>(value));
        break;
      case DType::kI64:
        append(out, static_cast<std::int64_t>(value));
        break;
      case DType::kI32:
        append(out, static_cast<std::int32_t>(value));
        break;
      case DType::kBool:
        append(out, static_cast<std::uint8_t>(value & 1));
        break;
      default:
        throw std::runtime_error("no rule for the contents of this dtype");
    }
  }
  return out;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Expected& e) {
  return out << e.dtype << ' ' << to_string(e.shape) << ' ' << e.digest;
}

Tensors expected_of(const Json& tensors, bool digests) {
  Tensors out;
  for (const auto& [key, t] : tensors.items()) {
    out[key] = {t[0].get<std::string>(), t[1].get<Shape>(), digests ? t[2].get<std::string>() : ""};
  }
  return out;
}

Checkpoint checkpoint_of(const Json& tensors, const Json& config) {
  Checkpoint out;
  out.directory = "golden";
  out.single_file = true;
  out.config = config;
  out.config_text = config.dump();
  out.has_config = true;
  out.shards.push_back({"golden/model.safetensors", 0, 0, {{"format", "pt"}}});
  for (const auto& [key, t] : tensors.items()) {
    const DType dtype = parse_dtype(t[0].get<std::string>()).value();
    const auto shape = t[1].get<Shape>();
    out.tensors.push_back({key, dtype, shape, 0, 0, byte_size(dtype, shape).value()});
  }
  std::sort(out.tensors.begin(), out.tensors.end(),
            [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
  return out;
}

Bytes make_contents(const Checkpoint& checkpoint, Contents contents) {
  Bytes out;
  for (const auto& t : checkpoint.tensors)
    out.push_back(contents == Contents::kBytes ? bytes_of(t) : elements_of(t));
  return out;
}

std::map<std::string, std::string> carry_out(const Plan& plan, const Checkpoint&, const Bytes& contents) {
  std::map<std::string, std::string> out;
  for (const auto& output : plan.outputs) {
    const auto size = static_cast<std::int64_t>(bits_of(output.view.dtype) / 8);
    std::string bytes(output.bytes, '\x5a');
    for (const auto& piece : output.view.pieces) {
      for_each_element(piece, [&](std::int64_t from, std::int64_t to) {
        if (is_zero(piece)) {
          std::memset(&bytes.at(static_cast<std::size_t>(to * size)), 0, static_cast<std::size_t>(size));
          return;
        }
        std::memcpy(&bytes.at(static_cast<std::size_t>(to * size)),
                    &contents[piece.source].at(static_cast<std::size_t>(from * size)),
                    static_cast<std::size_t>(size));
      });
    }
    out.emplace(output.key, std::move(bytes));
  }
  return out;
}

Tensors made_by(const Plan& plan, const Checkpoint& source, const Bytes* contents) {
  std::map<std::string, std::string> bytes;
  if (contents != nullptr) bytes = carry_out(plan, source, *contents);
  Tensors out;
  for (const auto& o : plan.outputs) {
    out[o.key] = {std::string(name_of(o.view.dtype)), o.view.shape,
                  contents != nullptr ? digest_of(bytes.at(o.key)) : ""};
  }
  return out;
}

Checkpoint converted(const Plan& plan, const Checkpoint& source, const RuleSet& rules) {
  Checkpoint out;
  out.directory = "converted";
  out.single_file = true;
  out.has_config = source.has_config;
  out.config_text = plan.config_text.value_or(source.config_text);
  out.config = Json::parse(out.config_text);
  out.shards = {{"converted/model.safetensors", 0, 0, {{"format", "pt"}}}};
  for (const auto& o : plan.outputs)
    out.tensors.push_back({o.key, o.view.dtype, o.view.shape, 0, o.offset, o.bytes});
  Manifest manifest;
  manifest.layout = plan.to;
  for (const auto& file : rules.files) {
    const bool chosen = std::find(rules.chosen.begin(), rules.chosen.end(), file.name) != rules.chosen.end();
    const bool family = std::any_of(rules.families.begin(), rules.families.end(),
                                    [&](const auto& f) { return f.name == file.name; });
    manifest.rules.push_back({file.name, file.hash, family, chosen && !family, ""});
  }
  manifest.used_transforms = plan.used_ids;
  manifest.facts = plan.facts;
  manifest.names = plan.names;
  manifest.config_edits = plan.config_edits;
  manifest.config_before = source.config_text;
  manifest.transforms = resolved_transforms(rules, plan.rule_used);
  manifest.drops = resolved_drops(rules);
  manifest.copies = resolved_copies(rules);
  manifest.base_model_prefix = rules.base_model_prefix;
  manifest.fused_keys = rules.fused_keys;
  out.manifest = parse_manifest(to_json_text(manifest), "converted/tenon-manifest.json");
  return out;
}

Bytes converted_contents(const Plan& plan, const Checkpoint& source, const Bytes& contents,
                         const Checkpoint& into) {
  const auto bytes = carry_out(plan, source, contents);
  Bytes out;
  for (const auto& t : into.tensors) out.push_back(bytes.at(t.key));
  return out;
}

}  // namespace tenon::golden
