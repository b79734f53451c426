#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "temporary_folder.h"

using namespace tenon;

namespace fs = std::filesystem;

namespace {

// What is said about the checkpoint, with the folder's name taken out.
std::string message_of(const fs::path& path, const fs::path& folder) {
  std::string out;
  try {
    for (const auto& d : open_checkpoint(path).warnings) out += render(d, false);
  } catch (const UserError& error) {
    out = error.what();
  }
  for (std::size_t at = 0; (at = out.find(folder.string(), at)) != std::string::npos;) {
    out.replace(at, folder.string().size(), "DIR");
  }
  return out;
}

std::string message_of(const TemporaryFolder& folder) {
  return message_of(folder.path(), folder.path());
}

void write_index(const fs::path& folder, const std::map<std::string, std::string>& weight_map) {
  write_file(folder / "model.safetensors.index.json", nlohmann::json({{"weight_map", weight_map}}).dump());
}

// Two shards, a.safetensors with w.0 and w.10, b.safetensors with w.2.
void write_sharded(const fs::path& folder) {
  write_shard(folder / "a.safetensors", {"w.0", "w.10"});
  write_shard(folder / "b.safetensors", {"w.2"});
  write_index(folder, {{"w.0", "a.safetensors"}, {"w.10", "a.safetensors"}, {"w.2", "b.safetensors"}});
}

}  // namespace

TEST_CASE("a sharded checkpoint opens with its tensors in natural order") {
  const TemporaryFolder folder;
  write_sharded(folder.path());
  write_file(folder / "config.json", "{\"z\": 1, \"model_type\": \"x\"}");
  write_file(folder / "tokenizer.json", "{}");
  write_file(folder / "sub/deeper/code.py", "");
  write_file(folder / ".git/config", "");
  write_file(folder / ".cache/huggingface/x", "");
  const Checkpoint checkpoint = open_checkpoint(folder.path());
  CHECK(checkpoint.warnings.empty());
  CHECK_FALSE(checkpoint.single_file);
  REQUIRE(checkpoint.tensors.size() == 3);
  CHECK(checkpoint.tensors[1].key == "w.2");
  CHECK(checkpoint.tensors[1].shard == 1);
  CHECK(checkpoint.tensors[2].key == "w.10");
  CHECK(checkpoint.tensors[2].shard == 0);
  REQUIRE(checkpoint.shards.size() == 2);
  CHECK(checkpoint.shards[0].path == folder / "a.safetensors");
  CHECK(checkpoint.shards[0].size == fs::file_size(folder / "a.safetensors"));
  CHECK(checkpoint.shards[0].metadata.at("format") == "pt");
  CHECK(checkpoint.total_bytes() == 12);
  CHECK(checkpoint.find("w.10") == &checkpoint.tensors[2]);
  CHECK(checkpoint.find("w.1") == nullptr);
  CHECK(checkpoint.has_config);
  CHECK(checkpoint.config_text == "{\"z\": 1, \"model_type\": \"x\"}");
  CHECK(checkpoint.config.dump() == R"({"z":1,"model_type":"x"})");
  CHECK(checkpoint.side_files ==
        std::vector<fs::path>{"config.json", "sub/deeper/code.py", "tokenizer.json"});
}

TEST_CASE("a folder with one file, whatever its name, and a file by itself") {
  const TemporaryFolder folder;
  write_shard(folder / "some-model.safetensors", {"w"});
  write_file(folder / "config.json", "{}");
  write_file(folder / "vocab.txt", "");
  CHECK(open_checkpoint(folder.path()).single_file);
  CHECK(open_checkpoint(folder.path().string() + "/").tensors.size() == 1);
  const Checkpoint file = open_checkpoint(folder / "some-model.safetensors");
  CHECK(file.single_file);
  CHECK(file.has_config);
  CHECK(file.directory == folder.path());
  CHECK(file.side_files == std::vector<fs::path>{"config.json"});
}

TEST_CASE("a file that is one of several shards is opened with a warning") {
  const TemporaryFolder folder;
  write_sharded(folder.path());
  CHECK(message_of(folder / "a.safetensors", folder.path()) ==
        "DIR/a.safetensors: warning[shard-alone]: only this file is read, though "
        "model.safetensors.index.json lies beside "
        "it\n"
        "  Give the folder to read all of its shards.\n");
}

TEST_CASE("what is no checkpoint is refused") {
  const TemporaryFolder folder;
  CHECK(message_of(folder) == "DIR: error[shard-none]: holds no .safetensors file\n");
  CHECK(message_of(folder / "absent", folder.path()) ==
        "DIR/absent: error[file-absent]: there is no such file or folder\n");
  write_file(folder / "pytorch_model.bin", "");
  CHECK(message_of(folder).find("It holds PyTorch files; only safetensors checkpoints are read.") !=
        std::string::npos);
  CHECK(message_of(folder / "pytorch_model.bin", folder.path()).find("is not a .safetensors file") !=
        std::string::npos);
  write_shard(folder / "a.safetensors", {"a"});
  write_shard(folder / "b.safetensors", {"b"});
  CHECK(message_of(folder) ==
        "DIR: error[shard-ambiguous]: holds 2 .safetensors files (a.safetensors and b.safetensors), but "
        "neither an index nor "
        "model.safetensors\n"
        "  Fetch model.safetensors.index.json too, read them without it by --index ignore, or name the one "
        "file "
        "that is meant.\n");
}

TEST_CASE("all mistakes of a checkpoint are reported at once") {
  const TemporaryFolder folder;
  write_shard(folder / "a.safetensors", {"w.0"});
  write_file(folder / "b.safetensors", "short");
  write_index(folder.path(), {{"w.0", "a.safetensors"}, {"w.1", "b.safetensors"}, {"w.2", "c.safetensors"}});
  write_file(folder / "config.json", "[1]");
  fs::create_symlink("/etc/hostname", folder / "vocab.txt");
  CHECK(message_of(folder) ==
        "DIR/b.safetensors (byte 0): error[header-truncated]: the file is 5 bytes long, too short for a "
        "safetensors header\n"
        "DIR/c.safetensors: error[shard-missing]: the index lists this shard, but it is not there\n"
        "  Fetch it from where the checkpoint came from.\n"
        "DIR/config.json: error[config-not-object]: is not a JSON object\n"
        "  A model's config.json is one {...}: fetch it again.\n"
        "DIR/vocab.txt: error[link-leaves-folder]: is a link that leaves the folder\n"
        "  Put the file itself there, or follow such links with --follow-links.\n");
}

TEST_CASE("an index that disagrees with its shards is refused") {
  const TemporaryFolder folder;
  write_sharded(folder.path());
  write_index(folder.path(), {{"w.0", "b.safetensors"}, {"w.2", "b.safetensors"}, {"w.3", "a.safetensors"}});
  const std::string message = message_of(folder);
  CHECK(message.find("w.0: error[index-mismatch]: is listed in b.safetensors, but is in a.safetensors") !=
        std::string::npos);
  CHECK(message.find("w.3: error[index-mismatch]: is listed in a.safetensors, but no shard holds it") !=
        std::string::npos);
  CHECK(message.find("w.10: error[index-mismatch]: is in a.safetensors, but not listed") !=
        std::string::npos);
}

TEST_CASE("an index and a single file together are refused unless they are the same") {
  const TemporaryFolder folder;
  write_sharded(folder.path());
  write_shard(folder / "model.safetensors", {"w.0", "w.2", "w.10"});
  CHECK(message_of(folder).find("holds both model.safetensors and model.safetensors.index.json") !=
        std::string::npos);
  write_index(folder.path(),
              {{"w.0", "model.safetensors"}, {"w.2", "model.safetensors"}, {"w.10", "model.safetensors"}});
  CHECK(message_of(folder) ==
        "DIR: warning[shard-foreign]: no part of the checkpoint, and left alone: a.safetensors and "
        "b.safetensors\n");
}

TEST_CASE("stale shards and foreign weights are named and left out") {
  const TemporaryFolder folder;
  write_sharded(folder.path());
  write_shard(folder / "model-00001-of-00009.safetensors", {"old"});
  write_file(folder / "model.fp16.safetensors.index.json", "{}");
  write_file(folder / "pytorch_model-00001-of-00002.bin", "");
  write_file(folder / "training_args.bin", "");
  CHECK(message_of(folder) ==
        "DIR: warning[shard-foreign]: no part of the checkpoint, and left alone: "
        "model-00001-of-00009.safetensors and "
        "model.fp16.safetensors.index.json\n"
        "DIR: warning[side-file-foreign]: weights in other formats, not copied: "
        "pytorch_model-00001-of-00002.bin\n"
        "DIR: note[side-file-training]: a trainer's state stays behind: training_args.bin\n"
        "  --side-files all takes it along.\n");
  CHECK(open_checkpoint(folder.path()).side_files.empty());
  CHECK(open_checkpoint(folder.path(), {.all_side_files = true}).side_files ==
        std::vector<fs::path>{"training_args.bin"});
}

TEST_CASE("an index under another name is used where it is the only one") {
  const TemporaryFolder folder;
  write_sharded(folder.path());
  fs::rename(folder / "model.safetensors.index.json", folder / "diffusion.safetensors.index.json");
  CHECK(open_checkpoint(folder.path()).tensors.size() == 3);
  write_file(folder / "other.safetensors.index.json", "{}");
  CHECK(message_of(folder).find("holds 2 indexes") != std::string::npos);
}

TEST_CASE("the hub's cache of links is followed, other links out of the folder are not") {
  const TemporaryFolder cache;
  write_shard(cache / "blobs/0123", {"w"});
  write_file(cache / "blobs/4567", "{\"a\": 1}");
  fs::create_directories(cache / "snapshots/main");
  fs::create_symlink("../../blobs/0123", cache / "snapshots/main/model.safetensors");
  fs::create_symlink("../../blobs/4567", cache / "snapshots/main/config.json");
  const Checkpoint checkpoint = open_checkpoint(cache / "snapshots/main");
  CHECK(checkpoint.tensors.size() == 1);
  CHECK(checkpoint.config["a"] == 1);

  const TemporaryFolder folder;
  fs::create_directories(folder / "m");
  write_shard(folder / "elsewhere.safetensors", {"w"});
  fs::create_symlink("../elsewhere.safetensors", folder / "m/model.safetensors");
  CHECK(message_of(folder / "m", folder.path()) ==
        "DIR/m/model.safetensors: error[link-leaves-folder]: is a link that leaves the folder\n"
        "  Put the file itself there, or follow such links with --follow-links.\n");
  CHECK(open_checkpoint(folder / "m", {.follow_links = true}).tensors.size() == 1);
  CHECK(open_checkpoint(folder / "m/model.safetensors").tensors.size() == 1);
  fs::remove(folder / "m/model.safetensors");
  write_shard(folder / "m/real.safetensors", {"w"});
  fs::create_symlink("real.safetensors", folder / "m/link.safetensors");
  fs::create_symlink("absent", folder / "m/dangling.txt");
  write_index(folder / "m", {{"w", "link.safetensors"}});
  CHECK(message_of(folder / "m", folder.path())
            .find("DIR/m/dangling.txt: error[link-leaves-folder]: is a link") != std::string::npos);
  fs::remove(folder / "m/dangling.txt");
  CHECK(open_checkpoint(folder / "m").tensors.size() == 1);
}

TEST_CASE("pipes and links to folders beside the tensors are skipped with a warning, as a shard refused") {
  const TemporaryFolder folder;
  write_shard(folder / "model.safetensors", {"w"});
  fs::create_directories(folder / "sub");
  fs::create_directory_symlink("sub", folder / "loop");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const std::string message = message_of(folder);
  CHECK(message.find("DIR/pipe: warning[side-file-skipped]: is no regular file, and not copied") !=
        std::string::npos);
  CHECK(message.find("DIR/loop: warning[side-file-skipped]: is a link to a folder, and not copied") !=
        std::string::npos);
  fs::remove(folder / "model.safetensors");
  fs::rename(folder / "pipe", folder / "model.safetensors");
  CHECK(message_of(folder).find("DIR/model.safetensors: error[file-not-regular]: not a regular file") !=
        std::string::npos);
}

TEST_CASE("a config that is no sound JSON object is refused with its place") {
  const TemporaryFolder folder;
  write_shard(folder / "model.safetensors", {"w"});
  write_file(folder / "config.json", "{\n  \"rope_theta\": NaN\n}\n");
  CHECK(message_of(folder).find("DIR/config.json:2:17: error[json-malformed]: not valid JSON") == 0);
  write_file(folder / "config.json", std::string(100'000, '['));
  CHECK(message_of(folder).find("nested deeper than 100 levels") != std::string::npos);
  write_file(folder / "config.json", "{\"a\":1,\"a\":2}");
  CHECK(message_of(folder).find("the key 'a' occurs twice") != std::string::npos);
  write_file(folder / "config.json", "{}");
  fs::resize_file(folder / "config.json", 100'000'000);
  CHECK(message_of(folder) ==
        "DIR/config.json: error[file-too-long]: is 100.00 MB long; at most 16.00 MB are read\n");
}

TEST_CASE("a manifest is read, unless it describes other tensors") {
  const TemporaryFolder folder;
  write_shard(folder / "model.safetensors", {"w"});
  Manifest manifest;
  manifest.output = {{"w", DType::kU8, {4}, {}}};
  write_file(folder / "tenon-manifest.json", to_json_text(manifest));
  CHECK(open_checkpoint(folder.path()).manifest);
  CHECK(open_checkpoint(folder.path()).side_files.empty());
  manifest.output[0].shape = {2, 2};
  write_file(folder / "tenon-manifest.json", to_json_text(manifest));
  CHECK_FALSE(open_checkpoint(folder.path()).manifest);
  CHECK(message_of(folder) ==
        "DIR/tenon-manifest.json: warning[manifest-mismatch]: describes other tensors than the checkpoint "
        "holds, and is not "
        "used\n");
  write_file(folder / "tenon-manifest.json", "{}");
  CHECK(message_of(folder).find("this is no manifest of tenon's") != std::string::npos);
}
