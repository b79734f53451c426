#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

#include "modules/cuda/cuda_backend.h"

int main(int argc, char** argv) {
  std::string why;
  if (tenon::open_cuda_backend(why) == nullptr) {
    std::printf("SKIPPED: %s\n", why.c_str());
    return 77;
  }
  return Catch::Session().run(argc, argv);
}
