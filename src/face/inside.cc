#include "face/inside.h"

#include <cerrno>

#include "report/diagnostics_json.h"

namespace tenon::face {

v0::Diagnostic told(const Diagnostic& diagnostic) {
  v0::Diagnostic out;
  out.severity = static_cast<v0::Severity>(diagnostic.severity);
  out.id = diagnostic.id.name();
  out.file = diagnostic.place.file;
  out.line = diagnostic.place.line;
  out.column = diagnostic.place.column;
  out.offset = diagnostic.place.offset;
  out.key = diagnostic.place.inside;
  out.message = diagnostic.message;
  out.hint = diagnostic.hint;
  out.more = diagnostic.more.count;
  out.text = render(diagnostic, false);
  return out;
}

std::vector<v0::Diagnostic> told(const std::vector<Diagnostic>& all) {
  std::vector<v0::Diagnostic> out;
  out.reserve(all.size());
  for (const Diagnostic& diagnostic : all) out.push_back(told(diagnostic));
  return out;
}

template <typename Call>
void Bridge::attempt(const Call& call) {
  const std::lock_guard lock(mutex_);
  if (thrown_) return;
  try {
    call();
  } catch (...) {
    thrown_ = std::current_exception();
  }
}

void Bridge::note(const Diagnostic& diagnostic) {
  if (diagnostic.severity != Severity::kError) warnings_.push_back(diagnostic);
  attempt([&] { observer_.note(told(diagnostic)); });
}

void Bridge::progress(std::string_view stage, std::uint64_t done, std::uint64_t total) {
  attempt([&] { observer_.progress(stage, done, total); });
}

bool Bridge::stopped() const {
  const std::lock_guard lock(mutex_);
  if (thrown_) return true;
  try {
    return observer_.stopped();
  } catch (...) {
    thrown_ = std::current_exception();
    return true;
  }
}

std::string Bridge::json(nlohmann::ordered_json document) const {
  document["warnings"] = warnings_json(warnings_);
  return text_of(document);
}

void Bridge::rethrow() const {
  const std::lock_guard lock(mutex_);
  if (thrown_) std::rethrow_exception(thrown_);
}

void throw_outside() {
  try {
    throw;
  } catch (const UserError& error) {
    throw v0::UserError(told(error.diagnostics()));
  } catch (const SystemError& error) {
    throw v0::SystemError(error.what(), std::string(error.id().name()), error.path(), error.error_number());
  } catch (const Interrupted&) {
    throw v0::Interrupted();
  } catch (const std::filesystem::filesystem_error& error) {
    throw v0::SystemError(error.what(), "system-call", error.path1().string(), error.code().value());
  }
}

v0::Observer& nobody() {
  static v0::Observer none;
  return none;
}

std::string text_of(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::vector<v0::TensorInfo> tensors_of(const Checkpoint& checkpoint) {
  std::vector<v0::TensorInfo> out;
  out.reserve(checkpoint.tensors.size());
  for (const Tensor& tensor : checkpoint.tensors) {
    out.push_back({tensor.key, std::string(name_of(tensor.dtype)), tensor.shape, tensor.bytes,
                   checkpoint.shards[tensor.shard].path.filename().string()});
  }
  return out;
}

}  // namespace tenon::face
