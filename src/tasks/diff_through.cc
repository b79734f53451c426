#include "tasks/diff_through.h"

#include <algorithm>
#include <span>

#include "checkpoint/headers_file.h"
#include "engine/element.h"
#include "parity/tensor_bytes.h"
#include "rules/library.h"
#include "tasks/convert.h"

namespace tenon {
namespace {

// Names of families are asked for by --fuse, all others by --rules.
Options options_through(const Options& given, const Library& library) {
  Options options;
  for (const std::string& name : given.through) {
    const bool is_family = std::any_of(library.families().begin(), library.families().end(),
                                       [&](const RuleFile& file) { return file.name == name; });
    (is_family ? options.fuse : options.rules).push_back(name);
  }
  return options;
}

// The plan's outputs as a checkpoint without bytes.
Checkpoint as_checkpoint(const PlannedConversion& planned) {
  Checkpoint out;
  out.directory = planned.source.directory;
  for (const PlannedTensor& output : planned.plan.outputs)
    out.tensors.push_back({output.key, output.view.dtype, output.view.shape, 0, 0, output.bytes});
  return out;
}

Bytes made_of(const PlannedTensor& output, const Checkpoint& source) {
  const TensorReader reader(source);
  SourceBytes sources;
  for (const std::uint32_t index : sources_of(output.view)) sources[index] = reader.read(index);
  return gather(output, sources);
}

std::optional<ByteDifference> first_of(const PlannedTensor& output, const Bytes& made, const Bytes& there,
                                       bool statistics) {
  const std::uint64_t at = first_difference(made.data(), there.data(), made.size());
  if (at == made.size()) return std::nullopt;
  const DType dtype = output.view.dtype;
  ByteDifference out;
  out.key = output.key;
  out.dtype = dtype;
  out.shape = output.view.shape;
  out.element = element_at(dtype, at);
  const std::uint64_t size = element_bytes(dtype);
  const std::uint64_t begin = at / size * size;
  out.a = hex_of_element(std::span(made).subspan(begin, size));
  out.b = hex_of_element(std::span(there).subspan(begin, size));
  if (statistics) out.statistics = element_statistics(dtype, made, there);
  return out;
}

void compare_outputs(const PlannedConversion& planned, const Checkpoint& b, const Options& options,
                     DiffReport& report, Observer& observer) {
  const TensorReader reader(b);
  std::vector<const PlannedTensor*> outputs;
  std::uint64_t total = 0;
  for (const PlannedTensor& output : planned.plan.outputs) {
    const Tensor* other = b.find(output.key);
    if (other == nullptr || other->dtype != output.view.dtype || other->shape != output.view.shape) continue;
    outputs.push_back(&output);
    total += output.bytes;
  }
  for (const PlannedTensor* output : outputs) {
    observer.throw_if_stopped();
    const Bytes made = made_of(*output, planned.source);
    const auto there = reader.read(static_cast<std::size_t>(b.find(output->key) - b.tensors.data()));
    if (auto difference = first_of(*output, made, *there, options.statistics))
      report.bytes.push_back(std::move(*difference));
    report.bytes_compared += output->bytes;
    observer.progress("comparing", report.bytes_compared, total);
  }
}

}  // namespace

DiffReport diff_through(const Options& options, Observer& observer) {
  const Library library = library_of(options);
  const PlannedConversion planned =
      plan_conversion(options.source, options_through(options, library), library, observer);
  const Checkpoint b = open_checkpoint(options.other);
  observer.note(b.warnings);
  DiffReport report = compare_headers(as_checkpoint(planned), b);
  report.a = options.source;
  report.b = options.other;
  report.through = options.through;
  if (options.headers) return report;
  require_tensors(planned.source);
  require_tensors(b);
  compare_outputs(planned, b, options, report, observer);
  return report;
}

}  // namespace tenon
