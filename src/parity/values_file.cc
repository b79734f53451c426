#include "parity/values_file.h"

#include <fmt/format.h>

#include <cstring>

#include "base/diagnostics.h"
#include "checkpoint/file.h"
#include "modules/number_format.h"
#include "parity/tensor_bytes.h"

namespace tenon {
namespace {

Array<double> values_of(const Tensor& tensor, const Bytes& bytes) {
  Array<double> out(tensor.shape);
  if (tensor.dtype == DType::kF64) {
    std::memcpy(out.data.data(), bytes.data(), bytes.size());
    return out;
  }
  std::vector<float> numbers(out.size());
  decode(tensor.dtype, bytes, *format_of(DType::kF32), numbers.data());
  out.data.assign(numbers.begin(), numbers.end());
  return out;
}

}  // namespace

std::map<std::string, Array<double>> read_values(const std::filesystem::path& path) {
  const Checkpoint file = open_checkpoint(path);
  const TensorReader reader(file);
  std::map<std::string, Array<double>> out;
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    const Tensor& tensor = file.tensors[i];
    const Place place{path.string(), 0, 0, {}, tensor.key, ""};
    if (!decodes(tensor.dtype))
      throw UserError("parity-inputs"_id, place, fmt::format("inputs are not of {}", name_of(tensor.dtype)),
                      "They are F64, F32, F16 or BF16.");
    if (tensor.shape.empty() || tensor.bytes == 0)
      throw UserError("parity-inputs"_id, place, "this input has no elements");
    out[tensor.key] = values_of(tensor, *reader.read(i));
  }
  return out;
}

std::int64_t tokens_of(const std::map<std::string, Array<double>>& inputs,
                       const std::filesystem::path& path) {
  std::int64_t tokens = 0;
  for (const auto& [name, values] : inputs) {
    if (tokens != 0 && values.shape.front() != tokens)
      throw UserError("parity-inputs"_id, {path.string(), 0, 0, {}, name, ""},
                      fmt::format("{} tokens, where another input has {}", values.shape.front(), tokens),
                      "The first extent of every input is the number of tokens.");
    tokens = values.shape.front();
  }
  if (tokens == 0) throw UserError("parity-inputs"_id, place_of(path), "there is no input in this file");
  return tokens;
}

void write_outputs(const ParityResult& result, const std::filesystem::path& path) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::string data;
  for (const auto& module : result.modules) {
    for (const auto& output : module.outputs) {
      const std::size_t begin = data.size();
      data.append(reinterpret_cast<const char*>(output.values.data.data()),
                  output.values.size() * sizeof(double));
      header[fmt::format("{}:{}:{}:{}", module.path, module.program, output.side, output.name)] = {
          {"dtype", "F64"}, {"shape", output.values.shape}, {"data_offsets", {begin, data.size()}}};
    }
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  write_text_file(path, length + text + data, false);
}

}  // namespace tenon
