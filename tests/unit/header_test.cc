#include "checkpoint/header.h"

#include <catch2/catch.hpp>

#include "temporary_folder.h"

using namespace tenon;

namespace {

Tensor tensor(const std::string& key, DType dtype, Shape shape) {
  return {key, dtype, std::move(shape), 0, 0, 0};
}

struct TemporaryFile {
  TemporaryFolder folder;
  std::filesystem::path path = folder / "m.safetensors";
  explicit TemporaryFile(const std::string& bytes) { write_file(path, bytes); }
};

std::string message_of(const std::string& bytes) {
  const TemporaryFile file(bytes);
  Diagnostics warnings;
  try {
    read_header(file.path, warnings);
  } catch (const UserError& error) {
    const std::string what = error.what();
    return what.substr(what.find(" (byte"));
  }
  return "";
}

}  // namespace

// The expected text was written by safetensors 0.8.
TEST_CASE("a header is written as the safetensors library writes it") {
  std::vector<Tensor> tensors = {
      tensor("a", DType::kF32, {2}),
      tensor("\xC3\xA9\n\x01\x7F/\"\\", DType::kI8, {3}),
      tensor("c", DType::kF64, {}),
      tensor("b", DType::kF32, {0, 2}),
  };
  std::uint64_t file_size = 0;
  const std::string header = write_header(tensors, {{"format", "pt"}}, file_size);
  CHECK(header ==
        std::string("\x08\x01\0\0\0\0\0\0", 8) +
            R"({"__metadata__":{"format":"pt"},"c":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
            R"("a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
            R"("b":{"dtype":"F32","shape":[0,2],"data_offsets":[16,16]},)"
            "\"\xC3\xA9\\n\\u0001\x7F/\\\"\\\\\""
            R"(:{"dtype":"I8","shape":[3],"data_offsets":[16,19]}})");
  CHECK(file_size == header.size() + 19);
  CHECK(tensors[0].key == "c");
  CHECK(tensors[0].offset == header.size());
  CHECK(tensors[3].offset == header.size() + 16);
  CHECK(tensors[3].bytes == 3);
}

TEST_CASE("a header without tensors or metadata is padded to eight") {
  std::vector<Tensor> none;
  std::uint64_t file_size = 0;
  CHECK(write_header(none, {}, file_size) == std::string("\x08\0\0\0\0\0\0\0", 8) + "{}      ");
  CHECK(write_header(none, {{"b", "1"}, {"a", "2"}}, file_size).substr(8) ==
        R"({"__metadata__":{"a":"2","b":"1"}}      )");
  CHECK(file_size == 48);
}

TEST_CASE("what is written reads back, tensors by rising offset") {
  std::vector<Tensor> tensors = {tensor("w.10", DType::kBF16, {4, 3}), tensor("w.2", DType::kU64, {1}),
                                 tensor("empty", DType::kU64, {0})};
  std::uint64_t file_size = 0;
  const std::string text = write_header(tensors, {{"k", "v"}}, file_size);
  const TemporaryFile file(text + std::string(file_size - text.size(), '\0'));
  Diagnostics warnings;
  const OpenedShard shard = read_header(file.path, warnings);
  CHECK(warnings.all().empty());
  CHECK(shard.size == file_size);
  CHECK(shard.header_size == text.size());
  CHECK(shard.modified_ns > 0);
  CHECK(shard.header.metadata == std::map<std::string, std::string>{{"k", "v"}});
  REQUIRE(shard.header.tensors.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(shard.header.tensors[i].key == tensors[i].key);
    CHECK(shard.header.tensors[i].offset == tensors[i].offset);
    CHECK(shard.header.tensors[i].bytes == tensors[i].bytes);
    CHECK(shard.header.tensors[i].shape == tensors[i].shape);
  }
}

TEST_CASE("a header that comes in parts is the same, and so is what is wrong with it") {
  const std::string good =
      R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},)"
      R"("a\n":{"data_offsets":[0,3],"shape":[3],"dtype":"I8"},"__metadata__":{"k":"v"}})";
  const auto text_of = [](const std::string& json, std::size_t part) {
    return [&json, part](std::uint64_t from) { return std::string_view(json).substr(from, part); };
  };
  const auto defect = [&](const std::string& json, std::size_t part) -> std::string {
    try {
      parse_header(text_of(json, part), json.size(), 8 + json.size() + 5, "f");
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  for (std::size_t part = 1; part <= good.size(); ++part) {
    const Header header = parse_header(text_of(good, part), good.size(), 8 + good.size() + 5, "f");
    REQUIRE(header.tensors.size() == 2);
    CHECK(header.tensors[0].key == "a\n");
    CHECK(header.tensors[0].offset == 8 + good.size());
    CHECK(header.tensors[1].key == "b");
    CHECK(header.tensors[1].shape == Shape{2});
    CHECK(header.metadata == std::map<std::string, std::string>{{"k", "v"}});
  }
  for (const std::size_t cut : {0, 1, 20, 60, 100}) {
    const std::string bad = good.substr(0, cut) + "?" + good.substr(cut);
    const std::string whole = defect(bad, bad.size());
    CHECK(whole.find("f (byte ") == 0);
    for (std::size_t part = 1; part <= bad.size(); part += 7) CHECK(defect(bad, part) == whole);
  }
}

TEST_CASE("a file of another kind is refused with what it may be") {
  CHECK(message_of("") ==
        " (byte 0): error[header-truncated]: the file is 0 bytes long, too short for a safetensors header\n");
  CHECK(message_of("version https://git-lfs.github.com/spec/v1\n").find("Git LFS pointer") !=
        std::string::npos);
  CHECK(message_of("<!DOCTYPE html><html></html>").find("web page") != std::string::npos);
  CHECK(message_of("PK\x03\x04 and so on").find("zip archive") != std::string::npos);
  CHECK(message_of("GGUF\x03 and so on").find("GGUF") != std::string::npos);
  CHECK(message_of("{\"a\": 1234567890}").find("without the length") != std::string::npos);
  CHECK(message_of(std::string("\xE8\x03\0\0\0\0\0\0{}", 10)) ==
        " (byte 0): error[header-truncated]: the header's length is 1000, but only 2 bytes follow\n");
}

TEST_CASE("a header that some readers refuse is a warning") {
  const std::string spaces(kHubHeaderBytes, ' ');
  const std::string length("\x42\x78\x7d\x01\0\0\0\0", 8);
  REQUIRE(kHubHeaderBytes + 2 == 0x017d7842);
  const TemporaryFile file(length + " {}" + spaces.substr(1));
  Diagnostics warnings;
  read_header(file.path, warnings);
  REQUIRE(warnings.all().size() == 2);
  CHECK(warnings.all()[0].message == "the header takes 25.00 MB; some readers refuse more than 25.00 MB");
  CHECK(warnings.all()[1].message == "white space before the header's first brace; some readers refuse that");
}

TEST_CASE("a folder or a missing file is no shard") {
  Diagnostics warnings;
  CHECK_THROWS_AS(read_header("/", warnings), UserError);
  CHECK_THROWS_AS(read_header("/nowhere/at/all", warnings), SystemError);
}
