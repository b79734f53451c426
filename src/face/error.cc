#include "tenon/error.h"

#include <fmt/format.h>

#include "face/inside.h"
#include "report/error_report.h"
#include "tenon/observer.h"

namespace tenon::v0 {
namespace {

std::string all_of(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += diagnostic.text;
  return out;
}

}  // namespace

Error::~Error() = default;

UserError::UserError(std::vector<Diagnostic> diagnostics)
    : Error(all_of(diagnostics)), diagnostics_(std::move(diagnostics)) {}
UserError::~UserError() = default;

SystemError::SystemError(std::string what, std::string id, std::string path, int error_number)
    : Error(std::move(what)), id_(std::move(id)), path_(std::move(path)), error_number_(error_number) {}
SystemError::~SystemError() = default;

Interrupted::Interrupted() : Error("interrupted") {}
Interrupted::~Interrupted() = default;

Observer::~Observer() = default;
void Observer::note(const Diagnostic& /*diagnostic*/) {}
void Observer::progress(std::string_view /*stage*/, std::uint64_t /*done*/, std::uint64_t /*total*/) {}
bool Observer::stopped() const {
  return false;
}

std::string explain(const std::string& id) {
  return face::outside([&] {
    const ErrorEntry* const entry = find_error(id);
    if (entry == nullptr) {
      throw tenon::UserError("args-value"_id, {"tenon::explain", 0, 0, {}, "", ""},
                             fmt::format("there is no error '{}'", id), "docs/errors.md lists them.");
    }
    return error_text(*entry);
  });
}

}  // namespace tenon::v0
