#include "checkpoint/put_into.h"

#include <algorithm>

#include "checkpoint/natural_order.h"

namespace tenon {

void put_into(Checkpoint& part, const Checkpoint& whole, const std::string& name,
              const std::function<bool(std::string_view)>& is_of_part) {
  WholeModel out;
  out.name = name;
  out.first_shard = static_cast<std::uint32_t>(part.shards.size());
  out.config = whole.config;
  out.config_text = whole.has_config ? whole.config_text : "";
  for (const Tensor& tensor : whole.tensors) {
    if (is_of_part(tensor.key)) {
      out.replaced.push_back(tensor);
      continue;
    }
    part.tensors.push_back(tensor);
    part.tensors.back().shard += out.first_shard;
  }
  part.shards.insert(part.shards.end(), whole.shards.begin(), whole.shards.end());
  // A draft layer is numbered from 0, as the whole's first one: the part's own comes first.
  std::stable_sort(part.tensors.begin(), part.tensors.end(),
                   [](const Tensor& a, const Tensor& b) { return natural_less(a.key, b.key); });
  part.headers_only = part.headers_only || whole.headers_only;
  part.whole = std::move(out);
}

}  // namespace tenon
