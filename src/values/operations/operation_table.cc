#include "values/operations/operation_table.h"

#include "values/operations/operations.h"

namespace tenon {
namespace {

using Operation = ValueOutputs (*)(const ValueRequest&);

const std::map<std::string, Operation, std::less<>>& table() {
  static const std::map<std::string, Operation, std::less<>> kTable = {
      {"AwqDequantize", awq_dequantize},
      {"AwqQuantize", awq_quantize},
      {"AwqToPacked", awq_to_packed},
      {"Cast", cast_values},
      {"ConvertFP8LinearScale", convert_fp8_linear_scale},
      {"Fp8Dequantize", fp8_dequantize},
      {"Fp8Quantize", fp8_quantize},
      {"GptqDequantize", gptq_dequantize},
      {"GptqQuantize", gptq_quantize},
      {"GptqToPacked", gptq_to_packed},
      {"MetalDequantize", metal_dequantize},
      {"MetalQuantize", metal_quantize},
      {"Mxfp4Dequantize", mxfp4_dequantize},
      {"Mxfp4Quantize", mxfp4_quantize},
      {"Mxfp8Quantize", mxfp8_quantize},
      {"NVFP4Dequantize", nvfp4_dequantize},
      {"NVFP4Quantize", nvfp4_quantize},
      {"PackInts", pack_ints},
      {"PackedDequantize", packed_dequantize},
      {"PackedMxfp4Dequantize", packed_mxfp4_dequantize},
      {"PackedMxfp4Quantize", packed_mxfp4_quantize},
      {"PackedQuantize", packed_quantize},
      {"PackedToAwq", packed_to_awq},
      {"PackedToGptq", packed_to_gptq},
      {"Reciprocal", reciprocal},
      {"ScaleDequantize", scale_dequantize},
      {"ScaleQuantize", scale_quantize},
      {"SubtractOne", subtract_offset},
      {"UnpackInts", unpack_ints},
  };
  return kTable;
}

}  // namespace

ValueOutputs apply_value_operation(std::string_view name, const ValueParameters& parameters,
                                   const ValueTensors& inputs) {
  const auto found = table().find(name);
  if (found == table().end()) refuse("parameter", "", "there is no operation " + std::string(name));
  return found->second(ValueRequest(parameters, inputs));
}

std::vector<std::string> value_operation_names() {
  std::vector<std::string> names;
  for (const auto& [name, operation] : table()) names.push_back(name);
  return names;
}

}  // namespace tenon
