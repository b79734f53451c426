#include "base/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tenon {
namespace {

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
  }
  return "";
}

std::string_view colour_of(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "\033[1;31m";
    case Severity::kWarning:
      return "\033[1;33m";
    case Severity::kNote:
      return "\033[1;36m";
  }
  return "";
}

// A caret under the column. Tabs are kept so that the caret lines up on any terminal; a line that is too long
// to read is shown around the column only.
std::string caret_lines(const Place& place) {
  constexpr std::size_t kWidth = 110;
  std::string text = place.source_line;
  std::size_t column = static_cast<std::size_t>(std::max(place.column, 1)) - 1;
  if (text.size() > kWidth) {
    const std::size_t from = column > kWidth / 2 ? column - kWidth / 2 : 0;
    text = text.substr(std::min(from, text.size()), kWidth);
    column -= std::min(from, column);
  }
  std::string pad;
  for (std::size_t i = 0; i < std::min(column, text.size()); ++i) pad += text[i] == '\t' ? '\t' : ' ';
  return fmt::format("  {}\n  {}^\n", text, pad);
}

// Without the line or byte: two of them in one file are one place.
std::string where(const Place& place) {
  return to_string(Place{place.file, 0, 0, {}, place.inside, ""});
}

}  // namespace

std::string to_string(const Place& place) {
  std::string out = place.file;
  if (place.line > 0) out += fmt::format(":{}", place.line);
  if (place.line > 0 && place.column > 0) out += fmt::format(":{}", place.column);
  if (place.offset) out += fmt::format(" (byte {})", *place.offset);
  if (!place.inside.empty()) out += out.empty() ? place.inside : ": " + place.inside;
  return out;
}

std::string render(const Diagnostic& d, bool colour) {
  const std::string where = to_string(d.place);
  std::string out = where.empty() ? "" : where + ": ";
  const std::string kind = fmt::format("{}[{}]:", name_of(d.severity), d.id.name());
  out += colour ? fmt::format("{}{}\033[0m ", colour_of(d.severity), kind) : kind + " ";
  out += d.message;
  out += '\n';
  if (d.place.line > 0 && !d.place.source_line.empty()) out += caret_lines(d.place);
  if (d.more.count == 1) out += fmt::format("  and 1 more: {}\n", d.more.first);
  if (d.more.count > 1)
    out += fmt::format("  and {} more, from {} to {}\n", d.more.count, d.more.first, d.more.last);
  if (!d.hint.empty()) out += fmt::format("  {}\n", d.hint);
  if (!d.rule.file.empty()) out += fmt::format("  Rule: {}\n", to_string(d.rule));
  return out;
}

void Diagnostics::error(ErrorId id, Place place, std::string message, std::string hint) {
  add({Severity::kError, id, std::move(place), std::move(message), std::move(hint), {}, {}});
}

void Diagnostics::warning(ErrorId id, Place place, std::string message, std::string hint) {
  add({Severity::kWarning, id, std::move(place), std::move(message), std::move(hint), {}, {}});
}

void Diagnostics::note(ErrorId id, Place place, std::string message, std::string hint) {
  add({Severity::kNote, id, std::move(place), std::move(message), std::move(hint), {}, {}});
}

void Diagnostics::add_once(std::string_view cause, Diagnostic diagnostic) {
  if (is_repeat(diagnostic.id, cause, where(diagnostic.place))) return;
  by_cause_.emplace(std::pair(diagnostic.id.name(), std::string(cause)), all_.size());
  add(std::move(diagnostic));
}

bool Diagnostics::is_repeat(ErrorId id, std::string_view cause, const std::string& here) {
  const auto found = by_cause_.find(std::pair(id.name(), std::string(cause)));
  if (found == by_cause_.end()) return false;
  Diagnostic& first = all_[found->second];
  Repeats& more = first.more;
  if (here == where(first.place) || here == more.last) return true;
  if (more.count++ == 0) more.first = here;
  more.last = here;
  return true;
}

bool Diagnostics::has_errors() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& d) { return d.severity == Severity::kError; });
}

void Diagnostics::throw_if_errors() const {
  if (has_errors()) throw UserError(all_);
}

UserError::UserError(std::vector<Diagnostic> diagnostics) : diagnostics_(std::move(diagnostics)) {
  for (const auto& d : diagnostics_) what_ += render(d, false);
}

UserError::UserError(ErrorId id, Place place, std::string message, std::string hint)
    : UserError(std::vector<Diagnostic>{
          {Severity::kError, id, std::move(place), std::move(message), std::move(hint), {}, {}}}) {}

SystemError::SystemError(std::string_view action, std::string_view path, int error_number,
                         std::string_view hint)
    : error_number_(error_number),
      path_(path),
      what_(fmt::format("cannot {} {}: {}", action, path, std::strerror(error_number))) {
  if (!hint.empty()) what_ += fmt::format("\n  {}", hint);
}

ErrorId SystemError::id() const {
  switch (error_number_) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "system-disk-full"_id;
    case EACCES:
    case EPERM:
    case EROFS:
      return "system-permission"_id;
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return "system-no-such-path"_id;
    case EMFILE:
    case ENFILE:
      return "system-open-files"_id;
    case ENOMEM:
      return "system-memory"_id;
    case EIO:
    case ESTALE:
      return "system-input-output"_id;
    default:
      return "system-call"_id;
  }
}

SystemError SystemError::with_hint(std::string_view hint) const {
  SystemError other = *this;
  other.what_ = fmt::format("{}\n  {}", what_.substr(0, what_.find("\n  ")), hint);
  return other;
}

}  // namespace tenon
