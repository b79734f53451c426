// The JSON is read by nlohmann's SAX parser, so that duplicate keys are seen, also where one of them is
// written with escapes, and nothing is built that the header does not need: a header of 100 MB passes through
// a buffer of 1 MiB. The parser does not say where it is; what it reads from does.
#include "checkpoint/header_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/diagnostics.h"
#include "checkpoint/header.h"
#include "checkpoint/json_text.h"

namespace tenon {
namespace {

constexpr std::size_t kMaxDepth = 127;           // as the library
constexpr std::size_t kMaxUnknownFields = 1024;  // of one entry
constexpr std::size_t kMaxMetadata = 1'000'000;
constexpr std::uint64_t kLeastEntry = 50;  // bytes of "":{"dtype":"U8","shape":[],"data_offsets":[0,0]},

// The part of the text that is being parsed, and how far the parser got.
class Cursor {
 public:
  Cursor(const HeaderText& text, const std::string& file) : text_(text), file_(file) { load(); }

  bool at_end() const { return part_.empty(); }
  const char& here() const { return part_[at_]; }
  std::uint64_t position() const { return begin_ + at_; }
  void advance() {
    if (++at_ < part_.size()) return;
    begin_ += part_.size();
    load();
  }

 private:
  // The parser would take a NUL for the end, and skip a byte order mark.
  void load() {
    part_ = text_(begin_);
    at_ = 0;
    const auto refuse = [&](std::uint64_t at, const char* what) {
      throw UserError("header-malformed"_id, {file_, 0, 0, kHeaderPrefixBytes + at, "", ""},
                      fmt::format("the header is not valid JSON: {}", what));
    };
    if (const std::size_t nul = part_.find('\0'); nul != std::string_view::npos)
      refuse(begin_ + nul, "a NUL byte");
    if (begin_ == 0 && part_.starts_with("\xEF\xBB\xBF")) refuse(0, "a byte order mark before the text");
  }

  const HeaderText& text_;
  const std::string& file_;
  std::string_view part_;
  std::uint64_t begin_ = 0;  // of the part
  std::size_t at_ = 0;       // in the part
};

// Where the cursor is, or (without one) the end.
class CursorIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  explicit CursorIterator(Cursor* cursor = nullptr) : cursor_(cursor) {}
  reference operator*() const { return cursor_->here(); }
  CursorIterator& operator++() {
    cursor_->advance();
    return *this;
  }
  bool operator==(const CursorIterator& other) const { return is_end() == other.is_end(); }

 private:
  bool is_end() const { return cursor_ == nullptr || cursor_->at_end(); }

  Cursor* cursor_;
};

class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  // Room for as many tensors as fit into the text: memory that is not touched is not taken, while growing
  // would hold the old and the new.
  HeaderReader(const HeaderText& text, std::uint64_t length, const std::string& file)
      : cursor_(text, file), file_(file), length_(length) {
    fields_.tensors.reserve(length / kLeastEntry);
    fields_.at.reserve(length / kLeastEntry);
  }

  HeaderFields read() {
    nlohmann::json::sax_parse(CursorIterator(&cursor_), CursorIterator(), this);
    return std::move(fields_);
  }

  bool null() override { return in_ == In::kRoot && in_metadata_ ? true : scalar("null"); }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_integer(number_integer_t) override { return scalar("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return scalar("a number that is no integer");
  }
  bool binary(binary_t&) override { return false; }
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t& value) override;
  bool key(string_t& name) override;
  bool start_object(std::size_t) override;
  bool end_object() override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& exception) override {
    fail_at("header-malformed"_id, std::min<std::uint64_t>(position == 0 ? 0 : position - 1, length_),
            "the header is not valid JSON: " + defect_of(exception));
  }

 private:
  enum class In { kNothing, kRoot, kMetadata, kEntry, kShape, kOffsets, kIgnored };
  enum class Field { kDType, kShape, kOffsets, kUnknown };

  [[noreturn]] void fail_at(ErrorId id, std::uint64_t at, const std::string& message,
                            const std::string& hint = "") const {
    throw UserError(id, {file_, 0, 0, kHeaderPrefixBytes + at, shown(name_), ""}, message, hint);
  }
  [[noreturn]] void fail(ErrorId id, const std::string& message, const std::string& hint = "") const {
    fail_at(id, cursor_.position(), message, hint);
  }

  bool scalar(std::string_view what);
  void entry_field(const std::string& name);
  void finish_entry();
  void enter() {
    if (++depth_ > kMaxDepth)
      fail("header-limit"_id, fmt::format("the header is nested deeper than {} levels", kMaxDepth));
  }

  Cursor cursor_;
  const std::string& file_;
  const std::uint64_t length_;

  In in_ = In::kNothing;
  std::size_t depth_ = 0;
  std::size_t ignored_from_ = 0;  // depth at which an unknown field's value began
  std::string name_;              // key of the entry, or __metadata__
  bool in_metadata_ = false;
  bool had_metadata_ = false;
  std::string metadata_key_;

  Tensor tensor_;
  std::uint64_t at_ = 0;  // behind its key
  Field field_ = Field::kUnknown;
  bool has_dtype_ = false;
  bool has_shape_ = false;
  std::vector<std::uint64_t> offsets_;
  bool has_offsets_ = false;
  std::set<std::string> unknown_fields_;

  HeaderFields fields_;
};

// A value of a kind that fits nowhere but in an unknown field.
bool HeaderReader::scalar(std::string_view what) {
  switch (in_) {
    case In::kNothing:
      fail("header-malformed"_id, fmt::format("the header is {}, not a JSON object", what));
    case In::kRoot:
      fail("header-malformed"_id, fmt::format("{} is {}, not an object",
                                              in_metadata_ ? "__metadata__" : "the tensor's entry", what));
    case In::kMetadata:
      fail("header-malformed"_id,
           fmt::format("the value of '{}' is {}, not a string", shown(metadata_key_), what));
    case In::kShape:
      fail("header-shape"_id, fmt::format("an extent of the shape is {}, not a whole number from 0", what));
    case In::kOffsets:
      fail("header-offsets"_id, fmt::format("data_offsets hold {}, not whole numbers from 0", what));
    case In::kEntry:
      if (field_ == Field::kDType) fail("header-dtype"_id, fmt::format("dtype is {}, not a string", what));
      if (field_ == Field::kShape) fail("header-shape"_id, fmt::format("shape is {}, not a list", what));
      if (field_ == Field::kOffsets)
        fail("header-offsets"_id, fmt::format("data_offsets is {}, not a list of two", what));
      return true;
    case In::kIgnored:
      return true;
  }
  return true;
}

bool HeaderReader::number_unsigned(number_unsigned_t value) {
  if (in_ == In::kShape) {
    if (tensor_.shape.size() == kMaxRank)
      fail("header-limit"_id, fmt::format("the shape has more than {} dimensions", kMaxRank));
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      fail("header-shape"_id, fmt::format("the extent {} of the shape is too large", value));
    }
    tensor_.shape.push_back(static_cast<std::int64_t>(value));
    return true;
  }
  if (in_ == In::kOffsets) {
    if (offsets_.size() == 2) fail("header-offsets"_id, "data_offsets have more than two elements");
    offsets_.push_back(value);
    return true;
  }
  return scalar("a number");
}

bool HeaderReader::string(string_t& value) {
  if (in_ == In::kMetadata) {
    fields_.metadata[metadata_key_] = std::move(value);
    return true;
  }
  if (in_ == In::kEntry && field_ == Field::kDType) {
    const auto dtype = parse_dtype(value);
    if (!dtype) {
      std::string known;
      for (int i = 0; i < kDTypeCount; ++i) known += fmt::format(" {}", name_of(static_cast<DType>(i)));
      fail("header-dtype"_id, fmt::format("unknown dtype '{}'", shown(value)), "Known are" + known + ".");
    }
    tensor_.dtype = *dtype;
    return true;
  }
  return scalar("a string");
}

bool HeaderReader::key(string_t& name) {
  if (in_ == In::kRoot) {
    name_ = std::move(name);
    in_metadata_ = name_ == "__metadata__";
    if (in_metadata_ && std::exchange(had_metadata_, true))
      fail("header-duplicate-key"_id, "__metadata__ occurs twice");
    at_ = kHeaderPrefixBytes + cursor_.position();
  } else if (in_ == In::kMetadata) {
    if (fields_.metadata.contains(name))
      fail("header-duplicate-key"_id, fmt::format("the key '{}' occurs twice", shown(name)));
    if (fields_.metadata.size() == kMaxMetadata)
      fail("header-limit"_id, fmt::format("more than {} entries", kMaxMetadata));
    metadata_key_ = std::move(name);
  } else if (in_ == In::kEntry) {
    entry_field(name);
  }
  return true;
}

void HeaderReader::entry_field(const std::string& name) {
  bool seen = false;
  if (name == "dtype") {
    field_ = Field::kDType;
    seen = std::exchange(has_dtype_, true);
  } else if (name == "shape") {
    field_ = Field::kShape;
    seen = std::exchange(has_shape_, true);
  } else if (name == "data_offsets") {
    field_ = Field::kOffsets;
    seen = std::exchange(has_offsets_, true);
  } else {
    field_ = Field::kUnknown;
    if (unknown_fields_.size() == kMaxUnknownFields)
      fail("header-limit"_id, fmt::format("more than {} fields", kMaxUnknownFields));
    seen = !unknown_fields_.insert(name).second;
  }
  if (seen) fail("header-duplicate-key"_id, fmt::format("the field '{}' occurs twice", shown(name)));
}

bool HeaderReader::start_object(std::size_t) {
  enter();
  if (in_ == In::kNothing) {
    in_ = In::kRoot;
  } else if (in_ == In::kRoot && in_metadata_) {
    in_ = In::kMetadata;
  } else if (in_ == In::kRoot) {
    in_ = In::kEntry;
    tensor_ = {};
    offsets_.clear();
    unknown_fields_.clear();
    has_dtype_ = has_shape_ = has_offsets_ = false;
  } else {
    scalar("an object");
    if (in_ != In::kIgnored) ignored_from_ = depth_;
    in_ = In::kIgnored;
  }
  return true;
}

bool HeaderReader::end_object() {
  if (in_ == In::kEntry) finish_entry();
  if (in_ == In::kIgnored) {
    if (depth_ == ignored_from_) in_ = In::kEntry;
  } else {
    in_ = in_ == In::kRoot ? In::kNothing : In::kRoot;
    name_.clear();
  }
  --depth_;
  return true;
}

bool HeaderReader::start_array(std::size_t) {
  enter();
  if (in_ == In::kEntry && field_ == Field::kShape) {
    in_ = In::kShape;
  } else if (in_ == In::kEntry && field_ == Field::kOffsets) {
    in_ = In::kOffsets;
  } else {
    scalar("a list");
    if (in_ != In::kIgnored) ignored_from_ = depth_;
    in_ = In::kIgnored;
  }
  return true;
}

bool HeaderReader::end_array() {
  if (in_ == In::kOffsets && offsets_.size() != 2)
    fail("header-offsets"_id, "data_offsets have fewer than two elements");
  if (in_ != In::kIgnored || depth_ == ignored_from_) in_ = In::kEntry;
  --depth_;
  return true;
}

void HeaderReader::finish_entry() {
  if (!has_dtype_) fail("header-dtype"_id, "the tensor has no dtype");
  if (!has_shape_) fail("header-shape"_id, "the tensor has no shape");
  if (!has_offsets_) fail("header-offsets"_id, "the tensor has no data_offsets");
  Tensor& tensor = tensor_;
  const auto what = [&] { return fmt::format("{} {}", name_of(tensor.dtype), to_string(tensor.shape)); };
  if (offsets_[1] < offsets_[0])
    fail("header-offsets"_id,
         fmt::format("data_offsets [{}, {}] end before they begin", offsets_[0], offsets_[1]));
  const auto bytes = byte_size(tensor.dtype, tensor.shape);
  if (!bytes && bits_of(tensor.dtype) < 8 && element_count(tensor.shape)) {
    fail("header-size"_id, fmt::format("{} does not end on a whole byte", what()));
  }
  if (!bytes) fail("header-size"_id, fmt::format("the size of {} does not fit into 64 bits", what()));
  if (offsets_[1] - offsets_[0] != *bytes) {
    fail("header-offsets"_id, fmt::format("{} takes {} bytes, but data_offsets [{}, {}] span {}", what(),
                                          *bytes, offsets_[0], offsets_[1], offsets_[1] - offsets_[0]));
  }
  tensor.key = name_;
  tensor.shape.shrink_to_fit();
  tensor.offset = offsets_[0];
  tensor.bytes = *bytes;
  fields_.tensors.push_back(std::move(tensor));
  fields_.at.push_back(at_);
}

}  // namespace

HeaderText header_text(std::string_view json) {
  return [json](std::uint64_t from) { return json.substr(std::min<std::uint64_t>(from, json.size())); };
}

HeaderFields read_header_fields(const HeaderText& text, std::uint64_t length, const std::string& file) {
  return HeaderReader(text, length, file).read();
}

}  // namespace tenon
