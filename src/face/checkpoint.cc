#include "tenon/checkpoint.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/headers_file.h"
#include "face/inside.h"
#include "face/options.h"
#include "parity/tensor_bytes.h"
#include "report/inspect_report.h"

namespace tenon::v0 {

struct Checkpoint::State {
  explicit State(tenon::Checkpoint opened)
      : checkpoint(std::move(opened)),
        tensors(face::tensors_of(checkpoint)),
        warnings(face::told(checkpoint.warnings)) {}

  std::string shown(void (*show)(const tenon::Checkpoint&, const tenon::InspectOptions&,
                                 const TextSink&)) const {
    std::string out;
    show(checkpoint, {}, [&](std::string_view part) { out += part; });
    return out;
  }

  const tenon::Checkpoint checkpoint;
  const std::vector<TensorInfo> tensors;
  const std::vector<Diagnostic> warnings;
};

Checkpoint::Checkpoint(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Checkpoint Checkpoint::open(const std::filesystem::path& path, const InspectOptions& options) {
  return face::outside([&] {
    return Checkpoint(
        std::make_shared<const State>(open_checkpoint(path, open_options(face::inner(options)))));
  });
}

const std::vector<TensorInfo>& Checkpoint::tensors() const {
  return state_->tensors;
}

const TensorInfo* Checkpoint::find(const std::string& key) const {
  const Tensor* const tensor = state_->checkpoint.find(key);
  return tensor == nullptr ? nullptr : &state_->tensors[tensor - state_->checkpoint.tensors.data()];
}

const std::string& Checkpoint::config() const {
  return state_->checkpoint.config_text;
}

std::uint64_t Checkpoint::total_bytes() const {
  return state_->checkpoint.total_bytes();
}

const std::vector<Diagnostic>& Checkpoint::warnings() const {
  return state_->warnings;
}

std::vector<std::byte> Checkpoint::read(const std::string& key) const {
  return face::outside([&] {
    const tenon::Checkpoint& from = state_->checkpoint;
    const Tensor* const tensor = from.find(key);
    if (tensor == nullptr) {
      std::vector<std::string> keys;
      for (const Tensor& other : from.tensors) keys.push_back(other.key);
      throw tenon::UserError("key-unknown"_id, {from.path.string(), 0, 0, {}, key, ""},
                             "this checkpoint has no such tensor", did_you_mean(key, keys));
    }
    require_tensors(from);
    std::vector<std::byte> bytes(tensor->bytes);
    TensorReader(from).read(static_cast<std::size_t>(tensor - from.tensors.data()), bytes.data());
    return bytes;
  });
}

std::string Checkpoint::text() const {
  return state_->shown(inspect_text);
}

std::string Checkpoint::json() const {
  return state_->shown(inspect_json);
}

}  // namespace tenon::v0
