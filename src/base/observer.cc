#include "base/observer.h"

#include <utility>

namespace tenon {

void Observer::throw_if_stopped() const {
  if (stopped()) throw Interrupted();
}

void Observer::note(ErrorId id, std::string message) {
  note(Diagnostic{Severity::kNote, id, {}, std::move(message), ""});
}

void Observer::note(const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) note(diagnostic);
}

Observer& nobody() {
  static Observer none;
  return none;
}

}  // namespace tenon
