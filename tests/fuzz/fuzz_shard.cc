// A whole shard file, as it lies on the disk: length, JSON, tensors.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "checkpoint/file.h"
#include "checkpoint/header.h"
#include "invariant.h"

using namespace tenon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FileDescriptor file(::memfd_create("shard", MFD_CLOEXEC));
  fuzz::require(::write(file.get(), data, size) == static_cast<ssize_t>(size), "the input is written");
  const std::filesystem::path path = "/proc/self/fd/" + std::to_string(file.get());
  Diagnostics warnings;
  try {
    const OpenedShard shard = read_header(path, warnings);
    std::uint64_t end = shard.header_size;
    for (const Tensor& tensor : shard.header.tensors) end += tensor.bytes;
    fuzz::require(shard.size == size && end == size, "header and tensors are the file");
  } catch (const UserError& error) {
    fuzz::require_useful(error);
    fuzz::require(error.diagnostics().front().place.file == path, "the message names the file");
  }
  return 0;
}
