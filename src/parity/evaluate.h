// Runs a bound program on the CPU: in FP64 with its error bound, or in FP32 with results rounded to a format.
#pragma once

#include <vector>

#include "parity/array.h"
#include "parity/cpu_operations.h"
#include "parity/number_format.h"
#include "parity/program.h"

namespace tenon {

/// What a program runs on: by slot, nullptr for the values that its steps make. Inputs and weights alike are
/// numbers of the format, so FP32 holds them exactly.
using Given = std::vector<const Array<float>*>;

struct Reference {
  std::vector<Array<double>> values;  // by slot
  std::vector<Array<double>> bounds;  // of |computed - exact|, by slot
  bool admissible = true;             // the forced routes are among those that rounding could choose
};

/// The accuracy of the run that is to be judged, and where FP64 products are taken; nullptr: here.
struct JudgedRun {
  Accuracy accuracy;
  Products* products = nullptr;
};

/// `forced`: the experts that the run to be judged chose; nullptr: choose. `inputs` says how many of the
/// first slots are inputs rather than weights.
Reference evaluate_reference(const BoundProgram& program, const Given& given, std::size_t inputs,
                             const Routes* forced, const JudgedRun& judged);
/// The same of a run by this backend.
inline Reference evaluate_reference(const BoundProgram& program, const Given& given, std::size_t inputs,
                                    const NumberFormat& format, const Routes* forced) {
  return evaluate_reference(program, given, inputs, forced, {Accuracy::of(format), nullptr});
}

struct Computed {
  std::vector<Array<float>> values;  // by slot
  Routes routes;
};

/// One step of evaluate(): its results. Operands that are values are taken from `values`, weights from
/// `given`.
std::vector<Array<float>> evaluate_step(const BoundProgram& program, const BoundStep& step,
                                        const std::vector<Array<float>>& values, const Given& given,
                                        const NumberFormat& format, Order order);

/// kFixed: every sum in one order, every result rounded to the format. kLibrary: sums by OpenBLAS, and what
/// stays inside a fused operation keeps its FP32.
Computed evaluate(const BoundProgram& program, const Given& given, std::size_t inputs,
                  const NumberFormat& format, Order order);

}  // namespace tenon
