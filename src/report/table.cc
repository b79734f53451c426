#include "report/table.h"

#include <algorithm>

#include "base/text.h"

namespace tenon {
namespace {

// Code points, which is what a terminal shows of the keys and paths that occur here.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::vector<std::string> titles_of(const std::vector<Table::Column>& columns) {
  std::vector<std::string> titles;
  for (const auto& column : columns) titles.push_back(column.title);
  return titles;
}

std::vector<std::string> visible_cells(std::vector<std::string> cells, std::size_t columns) {
  cells.resize(columns);
  for (auto& cell : cells) cell = visible(cell);
  return cells;
}

void widen(std::vector<std::size_t>& widths, const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width_of(cells[i]));
}

void append_line(std::string& out, const std::vector<std::string>& cells,
                 const std::vector<Table::Column>& columns, const std::vector<std::size_t>& widths,
                 int indent) {
  std::string line(static_cast<std::size_t>(indent), ' ');
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string pad(widths[i] - width_of(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += columns[i].align == Align::kLeft ? cells[i] + pad : pad + cells[i];
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + '\n';
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  rows_.push_back(visible_cells(std::move(cells), columns_.size()));
}

std::string Table::text(int indent) const {
  const std::vector<std::string> titles = titles_of(columns_);
  std::vector<std::size_t> widths(columns_.size());
  widen(widths, titles);
  for (const auto& row : rows_) widen(widths, row);
  std::string out;
  append_line(out, titles, columns_, widths, indent);
  for (const auto& row : rows_) append_line(out, row, columns_, widths, indent);
  return out;
}

void write_table(const std::vector<Table::Column>& columns, std::size_t rows,
                 const std::function<std::vector<std::string>(std::size_t row)>& cells_of,
                 const TextSink& out) {
  constexpr std::size_t kPart = 1 << 16;
  const auto row = [&](std::size_t i) { return visible_cells(cells_of(i), columns.size()); };
  std::vector<std::size_t> widths(columns.size());
  widen(widths, titles_of(columns));
  for (std::size_t i = 0; i < rows; ++i) widen(widths, row(i));
  std::string part;
  append_line(part, titles_of(columns), columns, widths, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    if (part.size() > kPart) {
      out(part);
      part.clear();
    }
    append_line(part, row(i), columns, widths, 0);
  }
  out(part);
}

}  // namespace tenon
