// What the kernel tests share: the module opened as the program opens it, tensors with their FP64 values
// beside them, and the comparison. Results are poisoned with NaN before every operation, so an element left
// unwritten is a failure.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/backend.h"

using Values = std::vector<double>;
using Shape = std::vector<int64_t>;

struct Tensor {
  tenon_tensor device{};
  /// what the device holds, exactly
  Values values;
};

// A mode with the dtype of its operands.
struct Setting {
  int mode, dtype;
};

class Harness {
 public:
  /// skipped() says why, if it cannot be opened for want of a GPU
  explicit Harness(const char* module);
  ~Harness();
  Harness(const Harness&) = delete;

  const std::string& skipped() const { return skipped_; }
  const tenon_cuda_table& api() const { return *api_; }
  tenon_context* context() { return context_; }

  Tensor random(const Shape& shape, int dtype, double scale = 1);
  /// rounded to the dtype
  Tensor make(const Shape& shape, int dtype, const Values& values);
  /// poisoned
  Tensor result(const Shape& shape, int dtype);
  Values read(const Tensor& tensor);
  /// every tensor made so far
  void release();

  // Runs an entry of the table; prints and counts a failure of the call itself.
  template <class Args>
  bool run(int (*entry)(tenon_context*, int, const Args*), int mode, const Args& args) {
    return called(entry(context_, mode, &args));
  }

  void expect_near(const std::string& name, const Tensor& result, const Values& want, const Setting& setting,
                   double stages = 1);
  void expect_same_bits(const std::string& name, const Tensor& one, const Tensor& other);
  void expect(const std::string& name, bool holds, const std::string& detail = "");
  int summary() const;

 private:
  bool called(int status);
  Values download(const tenon_tensor& tensor);

  const tenon_cuda_table* api_ = nullptr;
  tenon_context* context_ = nullptr;
  std::string skipped_;
  std::vector<void*> owned_;
  std::mt19937_64 generator_{7};
  int passed_ = 0, failed_ = 0;
};

/// reference FP64; fixed order and production in FP32, FP16 and BF16
extern const std::vector<Setting> kSettings;
std::string describe(const Setting& setting);

// FP64 references.
Values linear_reference(const Values& x, const Values& weight, const Values& bias, int64_t rows, int64_t n,
                        int64_t k);
double activate_reference(int activation, double x);
Values mlp_reference(const Values& x, const Values& gate_up, const Values& down, int64_t rows, int64_t hidden,
                     int64_t inner, int activation, bool interleaved = false);
Values rms_norm_reference(const Values& x, const Values& weight, int64_t rows, int64_t n, double epsilon,
                          double offset);

void test_linears(Harness&);
void test_elementwise(Harness&);
void test_norms(Harness&);
void test_convolutions(Harness&);
void test_rope(Harness&);
void test_attention(Harness&);
void test_mlps(Harness&);
void test_routing(Harness&);
void test_experts(Harness&);
void test_errors(Harness&);
