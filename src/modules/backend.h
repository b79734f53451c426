// Where parity's arithmetic is done. A backend keeps the weights of a module's two sides and runs their
// programs: in FP64 with the error bound, in a fixed order of summation, and as a product would run them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "modules/array.h"
#include "modules/module_weights.h"
#include "modules/number_format.h"
#include "modules/program.h"
#include "modules/run.h"
#include "modules/weight_edit.h"

namespace tenon {

/// The weights of one side of a module, rounded to a format, as a backend keeps them. They never change.
class BackendWeights {
 public:
  virtual ~BackendWeights() = default;
};
using Held = std::unique_ptr<const BackendWeights>;

/// A program, its weights and its inputs. The inputs are the program's first slots.
struct Evaluation {
  const BoundProgram& program;
  const BackendWeights& weights;
  const std::vector<Array<float>>& inputs;
  NumberFormat format;
  /// the slots whose values come back; those of others may be empty
  std::vector<int> wanted;
};

/// One thread at a time uses a backend. Its calls throw SystemError where the machine fails.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;
  /// What the programs ran on: the GPU and the versions of its libraries.
  virtual std::string machine() const = 0;

  /// Throws UserError where a weight's dtype is none that parity runs on.
  virtual Held hold(const ModuleWeights& weights, const NumberFormat& format) = 0;
  /// The changed weights; those that did not change are shared.
  virtual Held changed(const BackendWeights& weights, const NumberFormat& format,
                       const WeightChange& change) = 0;

  /// kLibrary: the production path.
  virtual Computed run(const Evaluation& evaluation, Order order) = 0;
  /// `forced`: the experts that the run to be judged chose; nullptr: the exact scores choose.
  virtual Reference reference(const Evaluation& evaluation, const Routes* forced) = 0;
  /// How long the production path takes.
  virtual double seconds(const Evaluation& evaluation) = 0;
};

}  // namespace tenon
