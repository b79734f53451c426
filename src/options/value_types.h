// What the values of options mean. Each type is read from a text and written as one, the same on the command
// line, in a batch file, in a manifest and in a journal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

/// Which side of a rule list a checkpoint is on: as its publisher ships it, or as the optimised model wants
/// it.
enum class Layout { kOriginal, kFused };

/// "original", "fused".
std::string_view name_of(Layout layout);
Layout opposite(Layout layout);

/// What hashes of tensors are made (engine/hash.h). kSha256 is both, and that of the shards as well.
enum class HashKind { kNone, kXxh3, kSha256 };

/// "none", "xxh3", "sha256".
std::string_view name_of(HashKind hash);

/// A number of bytes, and how the user wrote it: "5GB".
struct ByteSize {
  ByteSize(std::uint64_t count) : text(std::to_string(count)), bytes(count) {}
  ByteSize(std::string written, std::uint64_t count) : text(std::move(written)), bytes(count) {}
  bool operator==(const ByteSize&) const = default;

  std::string text;
  std::uint64_t bytes;
};

/// Nothing where the text is no size, or none at all.
std::optional<ByteSize> parse_byte_size(std::string_view text);

/// How far a number may be from what it was, as a part of it: "2^-8", "0.004".
struct RelativeBound {
  bool operator==(const RelativeBound&) const = default;

  double value = 0;
};

/// A power of two as one; else three digits, rounded up so that what is said is enough.
std::string to_string(RelativeBound bound);

/// A layout that the user declares for keys whose dimensions cannot tell.
struct LayoutAssumption {
  bool operator==(const LayoutAssumption&) const = default;

  std::string glob;
  // The tensors already have the fused layout's shape.
  bool is_fused = false;
};

/// Why a text is no value of an option.
struct Mistake {
  std::string message;
  std::string hint;
};

/// What bounds a value beside its type.
struct Bounds {
  std::int64_t least = 0;
  std::int64_t most = INT64_MAX;
};

/// Each reads a text over `out`, or says why it cannot. A list takes the text as one more element.
using ReadResult = std::optional<Mistake>;
ReadResult read_value(std::string_view text, const Bounds& bounds, bool& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, int& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, std::int64_t& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, std::uint64_t& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, std::string& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, Layout& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, HashKind& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, std::optional<ByteSize>& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, std::optional<RelativeBound>& out);
ReadResult read_value(std::string_view text, const Bounds& bounds, LayoutAssumption& out);
template <typename T>
ReadResult read_value(std::string_view text, const Bounds& bounds, std::vector<T>& out) {
  T element{};
  auto mistake = read_value(text, bounds, element);
  if (!mistake) out.push_back(std::move(element));
  return mistake;
}

/// What read_value() would read again, one text an element; nothing of an empty value.
std::vector<std::string> texts_of(bool value);
std::vector<std::string> texts_of(int value);
std::vector<std::string> texts_of(std::int64_t value);
std::vector<std::string> texts_of(std::uint64_t value);
std::vector<std::string> texts_of(const std::string& value);
std::vector<std::string> texts_of(Layout value);
std::vector<std::string> texts_of(HashKind value);
std::vector<std::string> texts_of(const std::optional<ByteSize>& value);
std::vector<std::string> texts_of(const std::optional<RelativeBound>& value);
std::vector<std::string> texts_of(const LayoutAssumption& value);
template <typename T>
std::vector<std::string> texts_of(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(texts_of(value).at(0));
  return texts;
}

/// The names of an enumeration in its order; none of another type.
template <typename T>
std::vector<std::string_view> names_of_values() {
  if constexpr (std::is_same_v<T, Layout>) return {"original", "fused"};
  if constexpr (std::is_same_v<T, HashKind>) return {"none", "xxh3", "sha256"};
  return {};
}

}  // namespace tenon
