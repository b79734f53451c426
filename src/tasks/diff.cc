#include "tasks/diff.h"

#include <algorithm>
#include <map>
#include <set>

#include "checkpoint/headers_file.h"
#include "checkpoint/natural_order.h"
#include "engine/compare_tensors.h"
#include "engine/hash_tensors.h"
#include "parity/tensor_bytes.h"
#include "tasks/diff_through.h"

namespace tenon {
namespace {

std::uint64_t bytes_in_common(const Checkpoint& a, const Checkpoint& b) {
  std::uint64_t bytes = 0;
  for (const auto& tensor : a.tensors) {
    const Tensor* other = b.find(tensor.key);
    if (other != nullptr && other->dtype == tensor.dtype && other->shape == tensor.shape)
      bytes += tensor.bytes;
  }
  return bytes;
}

void compare_bytes(const Checkpoint& a, const Checkpoint& b, int threads, DiffReport& report,
                   Observer& observer) {
  report.bytes_compared = bytes_in_common(a, b);
  EngineOptions options;
  options.threads = threads;
  options.stage = "comparing";
  for (const auto& difference : compare_tensors(a, b, options, observer)) {
    const Tensor* tensor = a.find(difference.key);
    report.bytes.push_back({difference.key, tensor->dtype, tensor->shape, difference.element, difference.a,
                            difference.b, std::nullopt});
  }
}

}  // namespace

DiffReport compare_headers(const Checkpoint& a, const Checkpoint& b) {
  DiffReport report;
  report.a = a.directory.string();
  report.b = b.directory.string();
  auto in_a = a.tensors.begin();
  auto in_b = b.tensors.begin();
  while (in_a != a.tensors.end() || in_b != b.tensors.end()) {
    if (in_b == b.tensors.end() || (in_a != a.tensors.end() && natural_less(in_a->key, in_b->key))) {
      report.only_in_a.push_back(in_a++->key);
    } else if (in_a == a.tensors.end() || natural_less(in_b->key, in_a->key)) {
      report.only_in_b.push_back(in_b++->key);
    } else {
      ++report.tensors_in_both;
      if (in_a->dtype != in_b->dtype || in_a->shape != in_b->shape) {
        report.headers.push_back({in_a->key, in_a->dtype, in_b->dtype, in_a->shape, in_b->shape});
      }
      ++in_a;
      ++in_b;
    }
  }
  return report;
}

namespace {

// Tensors that only one side has and the other has under another name.
void find_renamed(const Checkpoint& a, const Checkpoint& b, int threads, DiffReport& report,
                  Observer& observer) {
  const auto kinds_of = [](const Checkpoint& checkpoint, const std::vector<std::string>& keys) {
    std::set<std::string> kinds;
    for (const auto& key : keys) {
      const Tensor& tensor = *checkpoint.find(key);
      kinds.insert(header_of(tensor.dtype, tensor.shape));
    }
    return kinds;
  };
  const auto kinds_a = kinds_of(a, report.only_in_a);
  const auto kinds_b = kinds_of(b, report.only_in_b);
  // Hashes of those alone that may be one: header and hash -> keys.
  const auto hashed = [&](const Checkpoint& checkpoint, const std::vector<std::string>& keys,
                          const std::set<std::string>& wanted) {
    Checkpoint part = checkpoint;
    part.tensors.clear();
    for (const auto& key : keys) {
      const Tensor& tensor = *checkpoint.find(key);
      if (wanted.contains(header_of(tensor.dtype, tensor.shape))) part.tensors.push_back(tensor);
    }
    EngineOptions options;
    options.threads = threads;
    options.stage = "hashing";
    const auto hashes = hash_tensors(part, options, observer);
    std::map<std::string, std::vector<std::string>> out;
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      const Tensor& tensor = part.tensors[i];
      out[header_of(tensor.dtype, tensor.shape) + hashes[i].xxh3].push_back(tensor.key);
    }
    return out;
  };
  const auto in_a = hashed(a, report.only_in_a, kinds_b);
  const auto in_b = hashed(b, report.only_in_b, kinds_a);
  for (const auto& [what, keys] : in_a) {
    const auto found = in_b.find(what);
    // Of several with the same bytes nobody can tell which one became which.
    if (found == in_b.end() || keys.size() != 1 || found->second.size() != 1) continue;
    report.renamed.push_back({keys.front(), found->second.front()});
    std::erase(report.only_in_a, keys.front());
    std::erase(report.only_in_b, found->second.front());
  }
  std::sort(report.renamed.begin(), report.renamed.end(),
            [](const RenamedTensor& x, const RenamedTensor& y) { return natural_less(x.a, y.a); });
}

void add_statistics(const Checkpoint& a, const Checkpoint& b, DiffReport& report, const Observer& observer) {
  const TensorReader in_a(a);
  const TensorReader in_b(b);
  for (ByteDifference& difference : report.bytes) {
    observer.throw_if_stopped();
    const auto index = [&](const Checkpoint& side) {
      return static_cast<std::size_t>(side.find(difference.key) - side.tensors.data());
    };
    difference.statistics = element_statistics(difference.dtype, *in_a.read(index(a)), *in_b.read(index(b)));
  }
}

}  // namespace

DiffReport diff(const Options& options, Observer& observer) {
  if (!options.through.empty()) return diff_through(options, observer);
  const Checkpoint a = open_checkpoint(options.source);
  const Checkpoint b = open_checkpoint(options.other);
  observer.note(a.warnings);
  observer.note(b.warnings);
  DiffReport report = compare_headers(a, b);
  report.a = options.source;
  report.b = options.other;
  if (!options.headers) {
    require_tensors(a);
    require_tensors(b);
  }
  if (options.headers) return report;
  compare_bytes(a, b, options.threads, report, observer);
  find_renamed(a, b, options.threads, report, observer);
  if (options.statistics) add_statistics(a, b, report, observer);
  return report;
}

}  // namespace tenon
