// A batch file. Where it is accepted, each job says from where to where, by flags that make sense, and no two
// write to one destination.
#include <cstdint>
#include <set>
#include <string>

#include "invariant.h"
#include "tasks/batch_file.h"

using namespace tenon;
using fuzz::require;

namespace {

// As many checkpoints as the glob has stars, so that an input depends on no disk.
std::vector<std::string> find(const std::string& glob) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < glob.size() && found.size() < 10; ++i) {
    if (glob[i] == '*') found.push_back("fuzz/found-" + std::to_string(found.size()));
  }
  return found;
}

void require_sound(const std::vector<BatchJob>& jobs) {
  std::set<std::string> destinations;
  for (const BatchJob& job : jobs) {
    const Options& request = job.options;
    require(!request.source.empty() && !request.destination.empty(),
            "a job goes from somewhere to somewhere");
    require(destinations.insert(request.destination).second, "no destination is written twice");
    require(request.threads >= 0 && request.threads <= 1024, "a number of threads that there can be");
    require(request.max_shard_size.value_or(1).bytes > 0, "a shard has room");
    require(std::filesystem::path(request.destination).lexically_normal() == request.destination,
            "one way to write a destination");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Diagnostics diagnostics;
  const auto jobs =
      parse_batch({reinterpret_cast<const char*>(data), size}, "fuzz.yaml", "fuzz", diagnostics, find);
  for (const Diagnostic& d : diagnostics.all())
    require(d.place.file == "fuzz.yaml", "the message names the file");
  if (diagnostics.has_errors()) {
    fuzz::require_useful(UserError(diagnostics.all()));
  } else {
    require(!jobs.empty(), "what is accepted has jobs");
    require_sound(jobs);
  }
  return 0;
}
