// Checkpoints as people published them (published.md): names, dtypes, shapes, shards and index of 48. What
// can be converted comes back to the same files: every shard's first bytes, the index and config.json are
// those of the source, and the proof of the plan puts every element into its place.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "checkpoint/file.h"
#include "checkpoint/record_layout.h"
#include "golden_case.h"
#include "plan/build_plan.h"
#include "rules/choose_rules.h"
#include "rules/resolved_rules.h"

using namespace tenon;
using namespace tenon::golden;

namespace {

namespace fs = std::filesystem;

struct PublishedTensor {
  std::string key;
  DType dtype = DType::kF32;
  Shape shape;
  std::size_t shard = 0;
};

// "a.{0-3,7}.b": each of these numbers.
std::vector<std::string> expanded(const std::string& text) {
  const std::size_t open = text.find('{');
  if (open == std::string::npos) return {text};
  const std::size_t close = text.find('}', open);
  std::vector<std::string> out;
  std::stringstream numbers(text.substr(open + 1, close - open - 1));
  for (std::string piece; std::getline(numbers, piece, ',');) {
    const std::size_t dash = piece.find('-');
    const int first = std::stoi(piece.substr(0, dash));
    const int last = dash == std::string::npos ? first : std::stoi(piece.substr(dash + 1));
    for (int n = first; n <= last; ++n) {
      for (const auto& rest : expanded(text.substr(close + 1)))
        out.push_back(text.substr(0, open) + std::to_string(n) + rest);
    }
  }
  return out;
}

std::vector<PublishedTensor> tensors_of(const Json& c) {
  std::vector<PublishedTensor> out;
  for (const auto& row : c["tensors"]) {
    for (auto& key : expanded(row[0].get<std::string>()))
      out.push_back({std::move(key), parse_dtype(row[1].get<std::string>()).value(), row[2].get<Shape>(),
                     row[3].get<std::size_t>()});
  }
  return out;
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Headers in the order of the published list, on sparse files.
void write_published(const Json& c, const fs::path& folder) {
  const auto names = c["shards"].get<std::vector<std::string>>();
  std::vector<Json> headers(names.size(), Json{{"__metadata__", {{"format", "pt"}}}});
  std::vector<std::uint64_t> ends(names.size(), 0);
  Json weight_map = Json::object();
  for (const auto& t : tensors_of(c)) {
    const std::uint64_t bytes = byte_size(t.dtype, t.shape).value();
    headers[t.shard][t.key] = {{"dtype", name_of(t.dtype)},
                               {"shape", t.shape},
                               {"data_offsets", {ends[t.shard], ends[t.shard] + bytes}}};
    ends[t.shard] += bytes;
    weight_map[t.key] = names[t.shard];
  }
  bool numbered = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (headers[i].size() == 1) continue;
    std::string text = headers[i].dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    std::string prefix;
    for (int shift = 0; shift < 64; shift += 8) prefix += static_cast<char>(text.size() >> shift & 0xFF);
    write_text(folder / names[i], prefix + text);
    fs::resize_file(folder / names[i], 8 + text.size() + ends[i]);
    numbered = numbered || names[i].find("-of-") != std::string::npos;
  }
  write_text(folder / "config.json", c["config"].dump(2));
  const std::string stem = names[0].starts_with("diffusion") ? "diffusion_pytorch_model" : "model";
  if (numbered || names.size() > 1)
    write_text(folder / (stem + ".safetensors.index.json"),
               Json{{"metadata", Json::object()}, {"weight_map", weight_map}}.dump(2) + "\n");
}

// The converted folder as open_checkpoint would give it, its manifest read again from its text.
Checkpoint converted_folder(const Plan& plan, const Checkpoint& source, const RuleSet& rules) {
  Checkpoint out = converted(plan, source, rules);
  Manifest manifest = *out.manifest;
  manifest.source_layout = source_layout(source);
  for (const auto& t : source.tensors) manifest.source.push_back({t.key, t.dtype, t.shape, {}, t.shard});
  for (const auto& t : out.tensors) manifest.output.push_back({t.key, t.dtype, t.shape, {}, 0});
  out.manifest = parse_manifest(to_json_text(manifest), "converted/tenon-manifest.json");
  return out;
}

std::string first_bytes(const fs::path& path, std::size_t count) {
  std::string out(count, '\0');
  std::ifstream(path, std::ios::binary).read(out.data(), static_cast<std::streamsize>(count));
  return out;
}

void check_same_files(const Plan& back, const Checkpoint& source, const Checkpoint& fused) {
  REQUIRE(back.shards.size() == source.shards.size());
  for (std::size_t i = 0; i < back.shards.size(); ++i) {
    const PlannedShard& shard = back.shards[i];
    CHECK(shard.name == source.shards[i].path.filename().string());
    CHECK(shard.size == source.shards[i].size);
    CHECK(shard.header == first_bytes(source.shards[i].path, shard.header.size()));
  }
  for (std::size_t i = 0; i < back.outputs.size(); ++i) {
    const PlannedTensor& output = back.outputs[i];
    const Tensor& tensor = source.tensors[i];
    CHECK((output.key == tensor.key && output.shard == tensor.shard && output.offset == tensor.offset));
  }
  CHECK(back.index_name == source.index_name);
  if (!source.index_name.empty())
    CHECK(back.index_text.value_or("") == read_text_file(source.directory / source.index_name, 1 << 24));
  CHECK(back.config_text.value_or(fused.config_text) == source.config_text);
}

// Was it converted, to something else, and back?
bool there_and_back(const Checkpoint& source, const std::vector<std::string>& families,
                    const Library& library) {
  Options request;
  request.fuse = families;
  std::optional<RuleSet> rules;
  std::optional<Plan> plan;
  try {
    rules = choose_rules(request, source, library);
    plan = build_plan(source, *rules, request);
  } catch (const UserError&) {
    return false;  // published.py says which of them are to be refused
  }
  const Checkpoint fused = converted_folder(*plan, source, *rules);
  Options back_options;
  back_options.to = Layout::kOriginal;
  const Library none{fs::path(TENON_SOURCE_ROOT) / "tests"};
  const Plan back = build_plan(fused, choose_rules(back_options, fused, none), back_options);
  check_same_files(back, source, fused);
  return plan->outputs.size() != source.tensors.size() ||
         std::any_of(plan->outputs.begin(), plan->outputs.end(),
                     [&](const PlannedTensor& o) { return source.find(o.key) == nullptr; });
}

}  // namespace

TEST_CASE("published checkpoints come back to the files that they were", "[published]") {
  const fs::path root(TENON_SOURCE_ROOT);
  const Library library{root / "rules"};
  std::ifstream in(root / "tests/golden/published.json");
  const fs::path top = fs::temp_directory_path() / ("tenon-published." + std::to_string(::getpid()));
  std::set<std::string> converted_types;
  int number = 0;
  const Json published = Json::parse(in);
  for (const Json& c : published["cases"]) {
    if (c.contains("index_twice") || c.contains("config_tail")) continue;  // refused when they are opened
    const fs::path folder = top / std::to_string(number++);
    fs::create_directories(folder);
    write_published(c, folder);
    const Checkpoint source = open_checkpoint(folder);
    for (const auto& [arguments, right] : c["right"].items()) {
      if (arguments == "--to original") continue;
      INFO(c["source"].get<std::string>() << " " << arguments);
      std::vector<std::string> families;
      if (!arguments.empty()) families.push_back(arguments.substr(std::string("--fuse ").size()));
      if (there_and_back(source, families, library)) converted_types.insert(c["source"].get<std::string>());
    }
    fs::remove_all(folder);
  }
  fs::remove_all(top);
  CHECK(converted_types.size() >= 20);
}
