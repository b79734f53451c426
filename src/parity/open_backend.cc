#include "parity/open_backend.h"

#include "base/diagnostics.h"
#include "modules/cpu/cpu_backend.h"
#include "modules/cuda/cuda_backend.h"

namespace tenon {

std::unique_ptr<Backend> open_backend(BackendChoice choice, std::string* why_not_cuda) {
  if (choice == BackendChoice::kCpu) return open_cpu_backend();
  std::string why;
  if (auto cuda = open_cuda_backend(why)) return cuda;
  if (choice == BackendChoice::kCuda)
    throw UserError("parity-no-gpu"_id, {"--backend", 0, 0, {}, "", ""},
                    "the CUDA backend does not run here: " + why,
                    "--backend cpu runs everywhere; docs/parity.md says what a GPU machine needs.");
  if (why_not_cuda != nullptr) *why_not_cuda = why;
  return open_cpu_backend();
}

}  // namespace tenon
