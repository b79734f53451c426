// Columns of text, aligned: what inspect, diff, batch and rules list print.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

enum class Align { kLeft, kRight };

class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns. Control characters in them are made visible.
  void add(std::vector<std::string> cells);

  bool empty() const { return rows_.empty(); }

  /// The titles, then a line a row, each after `indent` spaces and without trailing blanks.
  std::string text(int indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Takes a text in parts.
using TextSink = std::function<void(std::string_view part)>;

/// The text of a table that is too long to be held: each of its `rows` is asked for twice.
void write_table(const std::vector<Table::Column>& columns, std::size_t rows,
                 const std::function<std::vector<std::string>(std::size_t row)>& cells_of,
                 const TextSink& out);

}  // namespace tenon
