#include "kernels/tests/harness.h"

#include <dlfcn.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

const std::vector<Setting> kSettings = {
    {TENON_REFERENCE, TENON_F64},    {TENON_FIXED_ORDER, TENON_F32}, {TENON_FIXED_ORDER, TENON_F16},
    {TENON_FIXED_ORDER, TENON_BF16}, {TENON_PRODUCTION, TENON_F32},  {TENON_PRODUCTION, TENON_F16},
    {TENON_PRODUCTION, TENON_BF16},
};

namespace {

constexpr const char* kDtypes[] = {"f64", "f32", "f16", "bf16", "i32"};
constexpr const char* kModes[] = {"reference", "fixed", "production"};
constexpr double kUnits[] = {0x1p-52, 0x1p-20, 0x1p-11,
                             0x1p-8};  // FP32's leaves room for the roundings within a sum

size_t size_of(int dtype) {
  return dtype == TENON_F64 ? 8 : dtype == TENON_F32 || dtype == TENON_I32 ? 4 : 2;
}

int64_t elements(const tenon_tensor& tensor) {
  return std::accumulate(tensor.shape, tensor.shape + tensor.rank, int64_t{1}, std::multiplies<>());
}

}  // namespace

std::string describe(const Setting& setting) {
  return std::string(kModes[setting.mode]) + " " + kDtypes[setting.dtype];
}

Harness::Harness(const char* module) {
  void* library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(3);
  }
  auto entry = reinterpret_cast<tenon_cuda_api_function>(dlsym(library, "tenon_cuda_api"));
  api_ = entry ? entry(TENON_CUDA_ABI) : nullptr;
  if (!api_ || entry(TENON_CUDA_ABI + 1)) {
    std::fprintf(stderr, "%s: does not speak ABI %d, or speaks any\n", module, TENON_CUDA_ABI);
    std::exit(3);
  }
  char message[512] = "";
  int status = api_->open(0, &context_, message, sizeof message);
  if (status == TENON_NO_DEVICE) {
    skipped_ = message;
  } else if (status != TENON_OK) {
    std::fprintf(stderr, "open: %s\n", message);
    std::exit(3);
  }
}

Harness::~Harness() {
  release();
  if (context_) api_->close(context_);
}

void Harness::release() {
  for (void* data : owned_) api_->release(context_, data);
  owned_.clear();
}

bool Harness::called(int status) {
  if (status == TENON_OK) return true;
  std::printf("FAIL  call: status %d: %s\n", status, api_->message(context_));
  ++failed_;
  return false;
}

Tensor Harness::result(const Shape& shape, int dtype) {
  Tensor tensor;
  tensor.device.dtype = dtype;
  tensor.device.rank = static_cast<int>(shape.size());
  std::copy(shape.begin(), shape.end(), tensor.device.shape);
  size_t bytes = elements(tensor.device) * size_of(dtype);
  called(api_->alloc(context_, bytes, &tensor.device.data));
  owned_.push_back(tensor.device.data);
  called(api_->fill(context_, tensor.device.data, 0xff, bytes));
  return tensor;
}

Tensor Harness::make(const Shape& shape, int dtype, const Values& values) {
  Tensor tensor = result(shape, dtype);
  if (dtype == TENON_I32) {
    std::vector<int32_t> integers(values.begin(), values.end());
    called(api_->upload(context_, tensor.device.data, integers.data(), integers.size() * 4));
  } else {
    Tensor wide = result(shape, TENON_F64);
    called(api_->upload(context_, wide.device.data, values.data(), values.size() * 8));
    run(api_->cast, TENON_PRODUCTION, {wide.device, tensor.device});
  }
  tensor.values = download(tensor.device);
  return tensor;
}

Tensor Harness::random(const Shape& shape, int dtype, double scale) {
  Values values(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
  std::normal_distribution<double> normal(0, scale);
  for (double& value : values) value = normal(generator_);
  return make(shape, dtype, values);
}

Values Harness::download(const tenon_tensor& tensor) {
  int64_t n = elements(tensor);
  if (tensor.dtype == TENON_I32) {
    std::vector<int32_t> integers(n);
    called(api_->download(context_, integers.data(), tensor.data, n * 4));
    return Values(integers.begin(), integers.end());
  }
  Values values(n);
  tenon_tensor wide = tensor;
  wide.dtype = TENON_F64;
  called(api_->alloc(context_, n * 8, &wide.data));
  run(api_->cast, TENON_PRODUCTION, {tensor, wide});
  called(api_->download(context_, values.data(), wide.data, n * 8));
  called(api_->release(context_, wide.data));
  return values;
}

Values Harness::read(const Tensor& tensor) {
  return download(tensor.device);
}

// Both the error's norm against the values' and its largest element against theirs: the first finds what is
// everywhere, the second what is in one place. `stages` roundings to the dtype are allowed for.
void Harness::expect_near(const std::string& name, const Tensor& result, const Values& want,
                          const Setting& setting, double stages) {
  Values got = read(result);
  double error = 0, norm = 0, worst = 0, largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    double difference = got[i] - want[i];
    error += difference * difference, norm += want[i] * want[i];
    if (!(std::fabs(difference) <= worst)) worst = std::fabs(difference);
    largest = std::fmax(largest, std::fabs(want[i]));
  }
  double relative = std::sqrt(error) / (norm > 0 ? std::sqrt(norm) : 1),
         unit = kUnits[setting.dtype] * stages;
  if (setting.dtype == TENON_F64) unit *= 16;
  bool near =
      got.size() == want.size() && relative <= unit && worst <= 4 * unit * (largest > 0 ? largest : 1);
  char detail[160];
  std::snprintf(detail, sizeof detail, "relative error %.2e, allowed %.2e, worst element %.2e of %.2e",
                relative, unit, worst, largest);
  expect(name + ", " + describe(setting), near, detail);
}

void Harness::expect_same_bits(const std::string& name, const Tensor& one, const Tensor& other) {
  size_t bytes = elements(one.device) * size_of(one.device.dtype);
  std::vector<char> a(bytes), b(bytes);
  called(api_->download(context_, a.data(), one.device.data, bytes));
  called(api_->download(context_, b.data(), other.device.data, bytes));
  size_t poisoned = 0;
  for (double value : read(one)) poisoned += std::isnan(value);
  expect(name, elements(one.device) == elements(other.device) && a == b && poisoned == 0, "bit for bit");
}

void Harness::expect(const std::string& name, bool holds, const std::string& detail) {
  (holds ? passed_ : failed_)++;
  std::printf("%s  %s%s%s\n", holds ? "ok  " : "FAIL", name.c_str(), detail.empty() ? "" : ": ",
              detail.c_str());
}

int Harness::summary() const {
  std::printf("%d passed, %d failed, 0 skipped\n", passed_, failed_);
  return failed_ == 0 && passed_ > 0 ? 0 : 1;
}
