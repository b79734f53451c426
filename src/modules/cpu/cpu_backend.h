// The backend that is always there: host arrays, OpenBLAS, threads.
#pragma once

#include <memory>

#include "modules/backend.h"

namespace tenon {

std::unique_ptr<Backend> open_cpu_backend();

}  // namespace tenon
