// The value operations, one function each; values/operations/operation_table.cc has their table.
#pragma once

#include "values/operations/request.h"

namespace tenon {

ValueOutputs cast_values(const ValueRequest& request);
ValueOutputs subtract_offset(const ValueRequest& request);
ValueOutputs reciprocal(const ValueRequest& request);
ValueOutputs convert_fp8_linear_scale(const ValueRequest& request);
ValueOutputs fp8_dequantize(const ValueRequest& request);
ValueOutputs fp8_quantize(const ValueRequest& request);
ValueOutputs scale_dequantize(const ValueRequest& request);
ValueOutputs scale_quantize(const ValueRequest& request);
ValueOutputs mxfp4_dequantize(const ValueRequest& request);
ValueOutputs mxfp4_quantize(const ValueRequest& request);
ValueOutputs packed_mxfp4_dequantize(const ValueRequest& request);
ValueOutputs packed_mxfp4_quantize(const ValueRequest& request);
ValueOutputs mxfp8_quantize(const ValueRequest& request);
ValueOutputs nvfp4_dequantize(const ValueRequest& request);
ValueOutputs nvfp4_quantize(const ValueRequest& request);
ValueOutputs unpack_ints(const ValueRequest& request);
ValueOutputs pack_ints(const ValueRequest& request);
ValueOutputs packed_dequantize(const ValueRequest& request);
ValueOutputs packed_quantize(const ValueRequest& request);
ValueOutputs awq_dequantize(const ValueRequest& request);
ValueOutputs awq_quantize(const ValueRequest& request);
ValueOutputs awq_to_packed(const ValueRequest& request);
ValueOutputs packed_to_awq(const ValueRequest& request);
ValueOutputs gptq_dequantize(const ValueRequest& request);
ValueOutputs gptq_quantize(const ValueRequest& request);
ValueOutputs gptq_to_packed(const ValueRequest& request);
ValueOutputs packed_to_gptq(const ValueRequest& request);
ValueOutputs metal_dequantize(const ValueRequest& request);
ValueOutputs metal_quantize(const ValueRequest& request);

}  // namespace tenon
