#include "modules/cuda/cuda_module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/diagnostics.h"
#include "base/own_folder.h"

namespace tenon {
namespace {

constexpr const char* kFile = "libtenon_cuda.so";

std::vector<std::filesystem::path> candidates() {
  if (const char* const chosen = std::getenv("TENON_CUDA_MODULE")) return {chosen};
  std::error_code error;
  const auto own = own_folder();
  if (own.empty()) return {};
  std::vector<std::filesystem::path> out;
  for (const char* const folder : {".", "../lib/tenon", "tenon", "kernels"}) {
    auto path = own / folder / kFile;
    if (std::filesystem::exists(path, error)) out.push_back(std::move(path));
  }
  return out;
}

// The module's table; nullptr and the reason where it does not open.
const tenon_cuda_table* table_of(const std::filesystem::path& path, std::string& why) {
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    why = ::dlerror();
    return nullptr;
  }
  const auto function = reinterpret_cast<tenon_cuda_api_function>(::dlsym(library, "tenon_cuda_api"));
  const tenon_cuda_table* const table = function == nullptr ? nullptr : function(TENON_CUDA_ABI);
  if (table == nullptr) why = fmt::format("{} is of another version of tenon", path.string());
  return table;
}

std::string version(std::int64_t number, std::int64_t unit, std::int64_t part) {
  return fmt::format("{}.{}", number / unit, number % unit / part);
}

}  // namespace

std::filesystem::path CudaModule::find() {
  const auto paths = candidates();
  return paths.empty() ? std::filesystem::path() : paths.front();
}

std::unique_ptr<CudaModule> CudaModule::open(std::string& why) {
  const std::filesystem::path path = find();
  if (path.empty()) {
    why = fmt::format("there is no CUDA module ({}) beside the program", kFile);
    return nullptr;
  }
  const tenon_cuda_table* const table = table_of(path, why);
  if (table == nullptr) return nullptr;
  tenon_context* context = nullptr;
  std::array<char, 512> message{};
  if (table->open(0, &context, message.data(), message.size()) != TENON_OK) {
    why = fmt::format("no GPU: {}", message.data());
    return nullptr;
  }
  return std::unique_ptr<CudaModule>(new CudaModule(table, context));
}

CudaModule::~CudaModule() {
  api_->close(context_);
}

std::string CudaModule::machine() const {
  tenon_device device{};
  check(api_->device(context_, &device), "read the properties of");
  return fmt::format("{}, driver {}, CUDA {}, cuBLASLt {}", device.name,
                     version(device.driver_version, 1000, 10), version(device.runtime_version, 1000, 10),
                     version(device.cublaslt_version, 10000, 100));
}

void CudaModule::check(int status, const char* what) const {
  if (status == TENON_OK) return;
  const int error = status == TENON_OUT_OF_MEMORY ? ENOMEM : status == TENON_BAD_ARGUMENT ? EINVAL : EIO;
  throw SystemError(what, "the GPU", error, api_->message(context_));
}

}  // namespace tenon
