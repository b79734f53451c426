// The CUDA module (kernels/backend.h), opened at run time: the program needs no CUDA to start.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kernels/backend.h"

namespace tenon {

/// An open module with a context on the first GPU.
class CudaModule {
 public:
  /// Looks at $TENON_CUDA_MODULE alone where that is set; else beside the program, in ../lib/tenon and in
  /// kernels/ (a build folder). nullptr, and `why` says what is missing, where there is no module that opens
  /// or no GPU.
  static std::unique_ptr<CudaModule> open(std::string& why);
  /// The file that open() would try; empty: there is none.
  static std::filesystem::path find();
  ~CudaModule();
  CudaModule(const CudaModule&) = delete;
  CudaModule& operator=(const CudaModule&) = delete;

  const tenon_cuda_table& api() const { return *api_; }
  tenon_context* context() const { return context_; }
  /// "NVIDIA H200, driver 13.0, CUDA 13.0, cuBLASLt 13.0.2".
  std::string machine() const;

  /// Throws SystemError, with the module's message, unless the call succeeded.
  void check(int status, const char* what) const;

  /// Calls an operation of the table.
  template <class Args>
  void run(int (*operation)(tenon_context*, int, const Args*), int mode, const Args& args,
           const char* what) const {
    check(operation(context_, mode, &args), what);
  }

 private:
  CudaModule(const tenon_cuda_table* api, tenon_context* context) : api_(api), context_(context) {}

  const tenon_cuda_table* api_;
  tenon_context* context_;
};

}  // namespace tenon
