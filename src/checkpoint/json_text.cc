#include "checkpoint/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/diagnostics.h"

namespace tenon {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMaxJsonDepth = 100;

Place place_at(std::string_view text, const std::string& file, std::size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.find_last_of('\n') + 1;  // npos + 1 is 0
  const std::size_t line_end = std::min(text.find('\n', line_start), text.size());
  const std::string_view line = text.substr(line_start, line_end - line_start);
  Place place{file, 0, 0, {}, "", ""};
  place.line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
  place.column = static_cast<int>(std::min<std::size_t>(offset - line_start, 1'000'000'000)) + 1;
  if (line.size() <= 1000 &&
      std::all_of(line.begin(), line.end(), [](char c) { return (c >= ' ' && c < 0x7F) || c == '\t'; })) {
    place.source_line = line;
  }
  return place;
}

// Builds the document. nlohmann's own builder keeps the last of two equal keys and looks keys of an ordered
// object up one by one, which takes minutes for an index of 150,000 tensors.
class DocumentBuilder : public nlohmann::json_sax<ordered_json> {
 public:
  DocumentBuilder(std::string_view text, const std::string& file, const TakeElement& take)
      : text_(text), file_(file), take_(take) {}

  ordered_json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(ordered_json::object()); }
  bool start_array(std::size_t) override { return open(ordered_json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (!open_.back().keys.insert(name).second) {
      throw UserError("json-duplicate-key"_id, {file_, 0, 0, {}, pointer(), ""},
                      fmt::format("the key '{}' occurs twice", shown(name)),
                      "Readers differ in which of the two they take: remove one.");
    }
    open_.back().key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& exception) override {
    const std::size_t at = position == 0 ? 0 : position - 1;
    throw UserError("json-malformed"_id, place_at(text_, file_, at),
                    "not valid JSON: " + defect_of(exception), hint_at(at));
  }

 private:
  // Python writes these where a number is meant.
  const char* hint_at(std::size_t at) const {
    const std::string_view around = text_.substr(std::min(at > 8 ? at - 8 : 0, text_.size()), 20);
    const bool python =
        around.find("NaN") != std::string_view::npos || around.find("Infinity") != std::string_view::npos;
    return python ? "JSON has no NaN and no Infinity: write a number or null." : "";
  }

  struct Open {
    ordered_json value;
    std::string key;                       // of the member that comes next
    std::unordered_set<std::string> keys;  // seen in this object
  };

  bool open(ordered_json container) {
    if (open_.size() == kMaxJsonDepth) {
      throw UserError("json-too-deep"_id, {file_, 0, 0, {}, pointer(), ""},
                      fmt::format("nested deeper than {} levels", kMaxJsonDepth));
    }
    open_.push_back({std::move(container), "", {}});
    return true;
  }

  bool close() {
    ordered_json value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }

  bool add(ordered_json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto& parent = open_.back(); parent.value.is_array()) {
      if (take_ && open_.size() == 2 && take_(open_.front().key, value)) return true;
      parent.value.push_back(std::move(value));
    } else {
      auto& members = parent.value.get_ref<ordered_json::object_t&>();
      static_cast<ordered_json::object_t::Container&>(members).emplace_back(std::move(parent.key),
                                                                            std::move(value));
    }
    return true;
  }

  // Of the container that is being filled; the caller says what is wrong in it.
  std::string pointer() const {
    std::string out;
    for (const auto& level : open_) {
      if (out.size() > 200) return out + "/...";
      if (&level == &open_.back()) break;
      out += level.value.is_array() ? fmt::format("/{}", level.value.size()) : "/" + shown(level.key);
    }
    return out.empty() ? "/" : out;
  }

  std::string_view text_;
  const std::string& file_;
  const TakeElement& take_;
  ordered_json root_;
  std::vector<Open> open_;
};

}  // namespace

nlohmann::ordered_json parse_json(std::string_view text, const std::string& file, const TakeElement& take) {
  // The parser would take a NUL for the end, and skip a byte order mark.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw UserError("json-malformed"_id, place_at(text, file, nul), "not valid JSON: a NUL byte");
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    throw UserError("json-malformed"_id, place_at(text, file, 0),
                    "not valid JSON: a byte order mark before the text");
  }
  DocumentBuilder builder(text, file, take);
  ordered_json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

std::string defect_of(const nlohmann::json::exception& exception) {
  std::string_view what = exception.what();
  if (const std::size_t id = what.find("] "); id != std::string_view::npos) what.remove_prefix(id + 2);
  if (what.starts_with("parse error")) {
    if (const std::size_t colon = what.find(": "); colon != std::string_view::npos)
      what.remove_prefix(colon + 2);
  }
  std::string out;
  for (const char c : what.substr(0, 300)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x80 ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return out;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kLimit = 200;
  const bool cut = text.size() > kLimit;
  std::size_t end = std::min(text.size(), kLimit);
  while (cut && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  std::string out;
  for (const char c : text.substr(0, end)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += c;
    }
  }
  return cut ? out + "..." : out;
}

}  // namespace tenon
