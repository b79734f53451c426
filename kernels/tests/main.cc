// Checks every operation of the CUDA backend, in every mode and dtype, against FP64 references on the CPU, on
// shapes that fit no tile. Usage: kernel_tests path/to/libtenon_cuda.so. Without a GPU it says so and exits
// with 77, which is a skip.
#include <cstdio>

#include "kernels/tests/harness.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s libtenon_cuda.so\n", argv[0]);
    return 2;
  }
  Harness harness(argv[1]);
  if (!harness.skipped().empty()) {
    std::printf("no GPU here (%s)\n0 passed, 0 failed, all skipped\n", harness.skipped().c_str());
    return 77;
  }
  tenon_device device;
  if (harness.api().device(harness.context(), &device) != TENON_OK) return 3;
  std::printf("%s, sm_%d%d, %d multiprocessors, CUDA runtime %d, driver %d, cuBLASLt %lld\n", device.name,
              device.compute_major, device.compute_minor, device.multiprocessors, device.runtime_version,
              device.driver_version, static_cast<long long>(device.cublaslt_version));
  for (auto* test : {test_elementwise, test_norms, test_linears, test_convolutions, test_rope, test_attention,
                     test_mlps, test_routing, test_experts, test_errors}) {
    test(harness);
    harness.release();
    std::fflush(stdout);
  }
  return harness.summary();
}
