#include "tasks/job_observer.h"

#include <fmt/chrono.h>

#include <ctime>

#include "checkpoint/file.h"

namespace tenon {

void JobObserver::note(const Diagnostic& diagnostic) {
  write_log(render(diagnostic, false));
  const std::lock_guard lock(mutex_);
  outer_.note(diagnostic);
}

void JobObserver::progress(std::string_view stage, std::uint64_t done, std::uint64_t total) {
  if (!alone_) return;
  const std::lock_guard lock(mutex_);
  outer_.progress(stage, done, total);
}

void JobObserver::write_log(const std::string& text) const {
  if (log_.empty() || text.empty()) return;
  const std::string line = fmt::format("{:%Y-%m-%d %H:%M:%S} {}{}", fmt::localtime(std::time(nullptr)), text,
                                       text.ends_with('\n') ? "" : "\n");
  append_to_file(log_, line, false);
}

}  // namespace tenon
