#include "checkpoint/read_tensor.h"

#include "checkpoint/file.h"

namespace tenon {

std::vector<std::byte> read_tensor(const Checkpoint& checkpoint, std::uint32_t tensor) {
  const Tensor& from = checkpoint.tensors.at(tensor);
  if (from.shard >= checkpoint.shards.size()) return {};
  const std::filesystem::path& path = checkpoint.shards.at(from.shard).path;
  std::vector<std::byte> bytes(from.bytes);
  read_at(open_for_reading(path), path, from.offset, {reinterpret_cast<char*>(bytes.data()), bytes.size()});
  return bytes;
}

}  // namespace tenon
