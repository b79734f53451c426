#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "checkpoint/file.h"
#include "checkpoint/header.h"
#include "checkpoint/header_reader.h"

namespace tenon {
namespace {

constexpr std::uint64_t kPart = 1 << 20;  // bytes of JSON that are held at a time

// Files of other kinds often get a safetensors name; their first bytes tell which.
std::string what_it_may_be(std::string_view start) {
  if (start.starts_with("version ")) {
    return "It looks like a Git LFS pointer: fetch the file itself with 'git lfs pull'.";
  }
  if (start.starts_with("<")) return "It looks like a web page: the download failed.";
  if (start.starts_with("PK\x03\x04")) return "It looks like a PyTorch or zip archive.";
  if (start.starts_with("GGUF")) return "It looks like a GGUF file.";
  if (start.starts_with("{"))
    return "It looks like JSON without the length that a safetensors file begins with.";
  return "";
}

std::uint64_t little_endian(const std::array<char, kHeaderPrefixBytes>& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = kHeaderPrefixBytes; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

OpenedShard read_header(const std::filesystem::path& path, Diagnostics& warnings) {
  const std::string name = path.string();
  const FileDescriptor file = open_for_reading(path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw SystemError("examine", name, errno);

  OpenedShard shard;
  shard.size = static_cast<std::uint64_t>(info.st_size);
  shard.modified_ns = modified_ns(info);
  if (shard.size < kHeaderPrefixBytes) {
    throw UserError("header-truncated"_id, {name, 0, 0, 0, "", ""},
                    fmt::format("the file is {} bytes long, too short for a safetensors header", shard.size));
  }
  std::array<char, kHeaderPrefixBytes> prefix{};
  read_at(file, path, 0, prefix);
  const std::uint64_t length = little_endian(prefix);
  const std::string_view start(prefix.data(), prefix.size());
  if (length > kMaxHeaderBytes) {
    throw UserError(
        "header-length"_id, {name, 0, 0, 0, "", ""},
        fmt::format("the header's length is {}, more than the allowed {}", length, kMaxHeaderBytes),
        what_it_may_be(start));
  }
  if (length > shard.size - kHeaderPrefixBytes) {
    throw UserError("header-truncated"_id, {name, 0, 0, 0, "", ""},
                    fmt::format("the header's length is {}, but only {} bytes follow", length,
                                shard.size - kHeaderPrefixBytes),
                    what_it_may_be(start));
  }
  std::string part;
  bool begins_with_brace = true;
  const HeaderText text = [&](std::uint64_t from) {
    part.resize(std::min(kPart, length - from));
    read_at(file, path, kHeaderPrefixBytes + from, part);
    if (from == 0) begins_with_brace = part.starts_with('{');
    return std::string_view(part);
  };
  shard.header = parse_header(text, length, shard.size, name);
  shard.header_size = kHeaderPrefixBytes + length;
  if (length > kHubHeaderBytes) {
    warnings.warning("header-long"_id, {name, 0, 0, {}, "", ""},
                     fmt::format("the header takes {}; some readers refuse more than {}", human_bytes(length),
                                 human_bytes(kHubHeaderBytes)));
  }
  if (!begins_with_brace) {
    warnings.warning("header-white-space"_id, {name, 0, 0, kHeaderPrefixBytes, "", ""},
                     "white space before the header's first brace; some readers refuse that");
  }
  return shard;
}

}  // namespace tenon
