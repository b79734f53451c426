#include "checkpoint/manifest.h"

#include <catch2/catch.hpp>

#include "base/diagnostics.h"

using namespace tenon;

namespace {

// As tenon 0.1.0 wrote it: rules by name and path alone.
Manifest old_example() {
  Manifest m;
  m.version = 1;
  m.tenon_version = "0.1.0";
  m.layout = Layout::kOriginal;
  m.rules = {{"qwen3_moe", "xxh3-128:00", false, true, ""},
             {"mine", "xxh3-128:01", true, false, "/x/mine.yaml"}};
  m.used_transforms = {"qwen2_moe#0", "qwen2_moe#1"};
  m.facts.part_sizes = {{"qkv.weight", {64, 16, 16}}};
  m.facts.transposed = {{"proj", true}};
  m.config_edits = {{"fusion_config.patch_embeddings", std::nullopt, true}, {"x", nullptr, std::nullopt}};
  m.config_before = "{\n \"a\": 1}\n";
  m.plan_hash = "xxh3-128:02";
  m.options.max_shard_size = parse_byte_size("5GB");
  m.options.assume_layout = {{"*.proj", true}};
  m.options.one_way = true;
  m.library = "/x/rules";
  m.source = {{"a\"b", DType::kBF16, {2, 3}, {"h1", "s1"}}, {"s", DType::kF32, {}, {}}};
  m.output = {{"c", DType::kI64, {0}, {"h2", ""}}};
  m.files = {{"model.safetensors", "sha256:03"}};
  m.side_files = {{"code/m.py", 17, {"h3", "s3"}}, {"config.json", 0, {}}};
  return m;
}

Manifest example() {
  Manifest m = old_example();
  m.version = kManifestVersion;
  m.rules[1].path.clear();
  m.library.clear();
  m.transforms.push_back(nlohmann::ordered_json::parse(
      R"({"rule": "mine", "index": 0, "kind": "WeightRenaming", "used": true})"));
  m.drops.push_back(nlohmann::ordered_json::parse(R"({"keys": ["*.bias"], "reason": "none"})"));
  m.base_model_prefix = "model";
  m.fused_keys = {"model.*.weight"};
  m.names = {{{"a", "b"}}, {{"c.made", "c"}}};
  m.dropped = {{"x.bias", "none"}};
  m.source[1].file = 1;
  m.source_layout.shards = {{"m-1.safetensors", {{"format", "pt"}}, std::nullopt},
                            {"m-2.safetensors", {}, "{\"s\": 1}  "}};
  m.source_layout.index_name = "m.safetensors.index.json";
  m.source_layout.index = "{\"weight_map\": {}}";
  m.before = nlohmann::ordered_json::parse(to_json_text(old_example()));
  return m;
}

std::string message_of(const std::string& text) {
  try {
    parse_manifest(text, "m.json");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

// The example's text with `from` replaced by `to`.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = to_json_text(example());
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a manifest of version 1 is read, and is written as it was") {
  CHECK(to_json_text(old_example()) == R"({
  "tenon_manifest": 1,
  "tenon_version": "0.1.0",
  "layout": "original",
  "rules": [
    {"name":"qwen3_moe","hash":"xxh3-128:00","family":false,"chosen":true},
    {"name":"mine","hash":"xxh3-128:01","family":true,"chosen":false,"path":"/x/mine.yaml"}
  ],
  "used_transforms": [
    "qwen2_moe#0",
    "qwen2_moe#1"
  ],
  "part_sizes": {
    "qkv.weight": [64,16,16]
  },
  "transposed": {
    "proj": true
  },
  "config_edits": [
    {"path":"fusion_config.patch_embeddings","after":true},
    {"path":"x","before":null}
  ],
  "config_before": "{\n \"a\": 1}\n",
  "plan_hash": "xxh3-128:02",
  "max_shard_size": "5GB",
  "assume_layout": [
    "*.proj=fused"
  ],
  "one_way": true,
  "library": "/x/rules",
  "source": [
    {"key":"a\"b","dtype":"BF16","shape":[2,3],"hash":"h1","sha256":"s1"},
    {"key":"s","dtype":"F32","shape":[],"hash":""}
  ],
  "output": [
    {"key":"c","dtype":"I64","shape":[0],"hash":"h2"}
  ],
  "files": {
    "model.safetensors": "sha256:03"
  },
  "side_files": [
    {"name":"code/m.py","bytes":17,"hash":"h3","sha256":"s3"},
    {"name":"config.json","bytes":0,"hash":""}
  ]
}
)");
}

TEST_CASE("a manifest keeps rules, names and files, one a line") {
  const std::string text = to_json_text(example());
  for (const char* const line : {
           "  \"tenon_manifest\": 2,\n",
           "    {\"rule\":\"mine\",\"index\":0,\"kind\":\"WeightRenaming\",\"used\":true}\n",
           "    {\"keys\":[\"*.bias\"],\"reason\":\"none\"}\n",
           "  \"base_model_prefix\": \"model\",\n",
           "    \"model.*.weight\"\n",
           "  \"kept_names\": {\n    \"a\": \"b\"\n  },\n",
           "  \"made_names\": {\n    \"c.made\": \"c\"\n  },\n",
           "  \"dropped\": {\n    \"x.bias\": \"none\"\n  },\n",
           "    {\"key\":\"s\",\"dtype\":\"F32\",\"shape\":[],\"hash\":\"\",\"file\":1}\n",
           "    "
           "{\"name\":\"m-1.safetensors\",\"written_by\":\"safetensors\",\"metadata\":{\"format\":\"pt\"}},"
           "\n",
           "    {\"name\":\"m-2.safetensors\",\"header\":\"{\\\"s\\\": 1}  \"}\n",
           "  \"source_index\": \"m.safetensors.index.json\",\n",
           "  \"before\": {\"tenon_manifest\":1,",
       }) {
    INFO(line);
    CHECK(text.find(line) != std::string::npos);
  }
  CHECK(depth_of(example()) == 2);
}

TEST_CASE("what a manifest says of the source's files stays in one folder") {
  CHECK(message_of(changed("\"m-1.safetensors\"", "\"../m-1.safetensors\""))
            .find("m.json: /source_files/0/name: error[manifest-malformed]: ") == 0);
  CHECK(message_of(changed("\"m-1.safetensors\"", "\"m-1.bin\""))
            .find("m.json: /source_files/0/name: error[manifest-malformed]: ") == 0);
  CHECK(message_of(changed("\"m-1.safetensors\"", "\"m-2.safetensors\"")).find("is there twice") !=
        std::string::npos);
  CHECK(message_of(changed("\"m.safetensors.index.json\"", "\"x/m.safetensors.index.json\""))
            .find("m.json: /source_index: error[manifest-malformed]: ") == 0);
  CHECK(message_of(changed("\"file\":1", "\"file\":2")).find("names a shard that source_files has not") !=
        std::string::npos);
  CHECK(message_of(changed("\"file\":1", "\"file\":-1"))
            .find("m.json: /source/1/file: error[manifest-malformed]: ") == 0);
  CHECK(message_of(changed("\"written_by\":\"safetensors\"", "\"written_by\":\"me\"")).find("no writer") !=
        std::string::npos);
}

TEST_CASE("conversions on top of each other have an end") {
  Manifest m = example();
  for (int i = 0; i < kMaxConversions; ++i) m.before = nlohmann::ordered_json{{"before", m.before}};
  CHECK(message_of(to_json_text(m)).find("more than 16 conversions") != std::string::npos);
}

TEST_CASE("a manifest reads back as it was written") {
  for (const Manifest& m : {example(), old_example(), Manifest{}}) {
    const std::string text = to_json_text(m);
    const Manifest back = parse_manifest(text, "m.json");
    CHECK(to_json_text(back) == text);
    CHECK(back.layout == m.layout);
    CHECK(back.source.size() == m.source.size());
    CHECK(back.config_edits.size() == m.config_edits.size());
  }
}

TEST_CASE("a text that is no manifest, or of another version, is refused") {
  CHECK(message_of("{}") ==
        "m.json: /tenon_manifest: error[manifest-malformed]: this is no manifest of tenon's\n");
  CHECK(message_of("[]") ==
        "m.json: /tenon_manifest: error[manifest-malformed]: this is no manifest of tenon's\n");
  CHECK(message_of(changed("\"tenon_manifest\": 2", "\"tenon_manifest\": 3")) ==
        "m.json: /tenon_manifest: error[manifest-version]: this tenon reads manifests of versions 1 to 2, "
        "not 3\n");
}

TEST_CASE("every mistake in a manifest is reported with its place") {
  CHECK(message_of(changed("\"max_shard_size\"", "\"max_shard_sise\"")) ==
        "m.json: /max_shard_size: error[manifest-malformed]: is missing\n"
        "m.json: /max_shard_sise: error[manifest-unknown-key]: unknown key\n"
        "  Did you mean 'max_shard_size'?\n");
  CHECK(message_of(changed("\"BF16\",\"shape\":[2,3]", "\"bf16\",\"shape\":[2,-3]")) ==
        "m.json: /source/0/dtype: error[manifest-malformed]: unknown dtype 'bf16'\n"
        "m.json: /source/0/shape: error[manifest-malformed]: has a negative extent\n");
  CHECK(message_of(changed("[64,16,16]", "[64,1.5]")) ==
        "m.json: /part_sizes: error[manifest-malformed]: is not of the right type\n");
  CHECK(message_of(changed("[64,16,16]", "[18446744073709551615]")).find("right type") != std::string::npos);
  CHECK(message_of(changed("[64,16,16]", "[64,-16,16]")) ==
        "m.json: /part_sizes: error[manifest-malformed]: 'qkv.weight' has a negative extent\n");
  CHECK(message_of(changed("\"layout\": \"original\"", "\"layout\": \"runtime\"")) ==
        "m.json: /layout: error[manifest-malformed]: 'runtime' is neither 'original' nor 'fused'\n");
  CHECK(message_of(changed("\"family\":true", "\"family\":1")) ==
        "m.json: /rules/1/family: error[manifest-malformed]: is not of the right type\n");
  CHECK(message_of(changed("{\"key\":\"s\",\"dtype\":\"F32\",\"shape\":[],\"hash\":\"\",\"file\":1}", "7")) ==
        "m.json: /source/1: error[manifest-malformed]: is not an object\n");
}

TEST_CASE("the side files of a manifest lie below its folder") {
  for (const char* name : {"", ".", "..", "/etc/passwd", "../x", "a/../../x", "a/./b", "a/", "a\\u0000b"}) {
    const std::string said = message_of(changed("\"code/m.py\"", '"' + std::string(name) + '"'));
    INFO(name << ": " << said);
    CHECK(said.find("m.json: /side_files/0/name: error[manifest-malformed]: ") == 0);
  }
  CHECK(message_of(changed("\"bytes\":17", "\"bytes\":-17")) ==
        "m.json: /side_files/0/bytes: error[manifest-malformed]: is negative\n");
  CHECK(message_of(changed("\"bytes\":17,", "")) ==
        "m.json: /side_files/0/bytes: error[manifest-malformed]: is missing\n");
}

TEST_CASE("a manifest without side files is of an older tenon") {
  Manifest old = example();
  old.side_files.reset();
  CHECK_FALSE(parse_manifest(to_json_text(old), "m.json").side_files);
  CHECK(parse_manifest(to_json_text(example()), "m.json").side_files->size() == 2);
}

TEST_CASE("a manifest full of mistakes is given up soon") {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "7,";
  CHECK(message_of(changed("\"source\": [", "\"source\": [" + lines)).size() < 2000);
  CHECK(message_of(changed("\"rules\": [", "\"rules\": [" + lines)).size() < 2000);
  std::string members;
  std::string extents;
  std::string edits = "7";
  for (int i = 0; i < 11'000; ++i) {
    members += "\"unknown" + std::to_string(i) + "\":7,";
    extents += "\"k" + std::to_string(i) + "\": [-1],";
    edits += ",7";
  }
  CHECK(message_of(changed("\"key\":\"s\"", members + "\"key\":\"s\"")).size() < 2000);
  CHECK(message_of(changed("\"layout\":", members + "\"layout\":")).size() < 2000);
  CHECK(message_of(changed("\"qkv.weight\":", extents + "\"qkv.weight\":")).size() < 2000);
  CHECK(message_of(changed("\"config_edits\": [", "\"config_edits\": [" + edits + ",")) ==
        "m.json: /config_edits: error[manifest-malformed]: has 11003 elements, more than 10000\n");
}
