// One operation of module programs, as one row: its parameters, the shapes of its results, how the CPU
// computes it and bounds its error, and the kernel that a GPU has for it. A family of operations is one file
// that makes rows.
#pragma once

#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "modules/attributes.h"
#include "modules/call.h"
#include "modules/program.h"

namespace tenon {

class GpuCall;  // modules/cuda/gpu_call.h

struct Parameter {
  enum class Kind {
    kValue,
    kIds,
    kValues,
    kWeight,
    kWeights,
    kInteger,
    kIntegers,
    kReal,
    kText,
    kFlag,
    kMap
  };
  std::string_view name;
  Kind kind;
  bool required = true;
  /// A weight that the reference multiplies by as a whole matrix, and so takes through Products.
  bool multiplied = false;
};

/// What does not fit: shapes, or attributes that make no sense. Becomes a UserError at the step's place.
struct Misfit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws Misfit with the message where `holds` is false.
void require(bool holds, const std::string& message);

/// Adds primitive steps to a program under construction, checking shapes as it goes.
class StepWriter {
 public:
  virtual ~StepWriter() = default;
  virtual const Shape& shape(int slot) const = 0;
  /// Writes a primitive step and returns its first output's slot. Throws Misfit.
  virtual int write(BoundStep step, std::size_t outputs = 1) = 0;
};

/// A step whose shapes are asked for.
struct ShapeCall {
  const BoundStep& step;
  std::span<const Shape> shapes;
  std::size_t outputs;
  Attributes attributes;

  bool has(const std::string& operand) const { return step.operands.contains(operand); }
  std::size_t count(const std::string& operand) const {
    return has(operand) ? step.operands.at(operand).size() : 0;
  }
  const Shape& of(const std::string& operand, std::size_t i = 0) const {
    return shapes[static_cast<std::size_t>(step.operands.at(operand).at(i))];
  }
  /// Throws Misfit where the operand has another number of axes.
  void rank(const std::string& operand, std::size_t rank) const;
  /// Throws Misfit where the operand is there and is no vector of `extent` elements.
  void vector_of(const std::string& operand, std::int64_t extent) const;
  /// The attribute `dim` as an axis of the operand. Throws Misfit.
  std::size_t axis(const std::string& operand) const;
};

/// How the CPU computes an operation: in FP64, in FP32, and the bound before the result is rounded to the
/// format.
struct CpuCalls {
  void (*reference)(const Call<double>&, std::vector<Array<double>>& out) = nullptr;
  void (*run)(const Call<float>&, std::vector<Array<float>>& out) = nullptr;
  /// nullptr: the operation only moves elements.
  void (*bound)(const BoundCall&, std::vector<Array<double>>& out) = nullptr;
};

/// What the checks must know of an operation beside what it computes.
enum class Role { kNone, kLinear, kHeads, kRotation, kReshape, kRoute, kExperts };

struct ModuleOperation {
  std::string_view name;
  std::vector<Parameter> parameters = {};
  /// 0: as many as the step names.
  std::size_t outputs = 1;
  /// The shapes of the results; of a fused operation nullptr. Throws Misfit.
  std::vector<Shape> (*shapes)(const ShapeCall&) = nullptr;
  CpuCalls cpu = {};
  /// Of a fused operation: writes the primitive steps that it stands for, returns the slots of its outputs.
  std::vector<int> (*expand)(StepWriter&, const BoundStep&) = nullptr;
  /// Queues the module's kernel; false where it has none for this form of the step. nullptr: it has none.
  bool (*gpu)(GpuCall&) = nullptr;
  Role role = Role::kNone;
  /// Which output holds integers, exactly; -1: none.
  int integers = -1;
  /// Its results come from a table of weights whatever is known of its values.
  bool from_table = false;
  /// A production kernel keeps what is inside in FP32.
  bool keeps_inside = false;
  /// A fused module that owns gate and up keeps them one behind the other.
  bool joins_gate_and_up = false;
};

// The families, one file each.
std::vector<ModuleOperation> linear_operations();
std::vector<ModuleOperation> norm_operations();
std::vector<ModuleOperation> element_operations();
std::vector<ModuleOperation> move_operations();
std::vector<ModuleOperation> rotation_operations();
std::vector<ModuleOperation> attention_operations();
std::vector<ModuleOperation> routing_operations();
std::vector<ModuleOperation> near_routing_operations();
std::vector<ModuleOperation> key_block_operations();
std::vector<ModuleOperation> expert_operations();
std::vector<ModuleOperation> fused_operations();

/// Every operation there is, in the order of the families.
const std::vector<ModuleOperation>& all_operations();
/// nullptr where there is none of that name.
const ModuleOperation* find_operation(std::string_view name);
std::vector<std::string> module_operation_names();

/// The step of a primitive operation on slots; a slot of -1 is left out.
BoundStep primitive(std::string_view operation, std::vector<std::pair<std::string, int>> operands,
                    nlohmann::ordered_json attributes = nlohmann::ordered_json::object());

}  // namespace tenon
