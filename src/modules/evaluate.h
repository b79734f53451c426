// Runs a bound program on the CPU: in FP64 with its error bound, or in FP32 with results rounded to a format.
#pragma once

#include <vector>

#include "modules/array.h"
#include "modules/number_format.h"
#include "modules/operation.h"
#include "modules/program.h"
#include "modules/run.h"

namespace tenon {

/// What a program runs on. Inputs, which are its first slots, and weights alike are numbers of the format, so
/// that FP32 holds them exactly.
struct RunOperands {
  const std::vector<Array<float>>& inputs;
  SlotWeights weights;
};

/// The accuracy of the run that is to be judged, and where FP64 products are taken; nullptr: here.
struct RunAccuracy {
  Accuracy accuracy;
  Products* products = nullptr;
};

/// `forced`: the experts that the run to be judged chose; nullptr: choose.
Reference evaluate_reference(const BoundProgram& program, const RunOperands& given, const Routes* forced,
                             const RunAccuracy& judged);
/// The same of a run by this backend.
inline Reference evaluate_reference(const BoundProgram& program, const RunOperands& given,
                                    const NumberFormat& format, const Routes* forced) {
  return evaluate_reference(program, given, forced, {Accuracy::of(format), nullptr});
}

/// One step of evaluate(): its results.
std::vector<Array<float>> evaluate_step(const BoundProgram& program, const BoundStep& step,
                                        const std::vector<Array<float>>& values, const SlotWeights& weights,
                                        const NumberFormat& format, Order order);

/// kFixed: every sum in one order, every result rounded to the format. kLibrary: sums by OpenBLAS, and what
/// stays inside a fused operation keeps its FP32.
Computed evaluate(const BoundProgram& program, const RunOperands& given, const NumberFormat& format,
                  Order order);

}  // namespace tenon
