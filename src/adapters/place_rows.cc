#include "adapters/place_rows.h"

#include <algorithm>
#include <map>

#include "tensor/view_operations.h"

namespace tenon {
namespace {

// Rows that follow on each other in a part and in the result; of no part: zeros.
struct Run {
  std::size_t part;
  std::int64_t from;
  std::int64_t count;
};

constexpr std::size_t kNoPart = ~std::size_t{0};

std::vector<Run> runs_of(const std::vector<PlacedRows>& parts, std::int64_t extent) {
  std::vector<std::pair<std::size_t, std::int64_t>> from(static_cast<std::size_t>(extent), {kNoPart, 0});
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto& to = *parts[p].to;
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] >= 0) from[static_cast<std::size_t>(to[i])] = {p, static_cast<std::int64_t>(i)};
    }
  }
  std::vector<Run> out;
  for (const auto& [part, row] : from) {
    const bool goes_on = !out.empty() && out.back().part == part &&
                         (part == kNoPart || out.back().from + out.back().count == row);
    if (goes_on) {
      ++out.back().count;
    } else {
      out.push_back({part, row, 1});
    }
  }
  return out;
}

// A view cut at the borders of runs, by the first row of each piece.
std::map<std::int64_t, View> cut_at(const View& view, std::vector<std::int64_t> borders) {
  borders.push_back(0);
  borders.push_back(view.shape[0]);
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  std::vector<std::int64_t> extents;
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) extents.push_back(borders[i + 1] - borders[i]);
  std::vector<View> pieces = cut(view, 0, extents);
  std::map<std::int64_t, View> out;
  for (std::size_t i = 0; i < pieces.size(); ++i) out.emplace(borders[i], std::move(pieces[i]));
  return out;
}

}  // namespace

View place_rows(const std::vector<PlacedRows>& parts, std::int64_t extent) {
  const View& some = *parts.front().view;
  const std::vector<Run> runs = runs_of(parts, extent);
  if (runs.size() == 1 && runs[0].part == 0 && some.shape[0] == extent) return some;
  std::vector<std::map<std::int64_t, View>> cuts;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    std::vector<std::int64_t> borders;
    for (const Run& run : runs) {
      if (run.part != p) continue;
      borders.push_back(run.from);
      borders.push_back(run.from + run.count);
    }
    cuts.push_back(cut_at(*parts[p].view, std::move(borders)));
  }
  std::vector<View> out;
  for (const Run& run : runs) {
    out.push_back(run.part == kNoPart ? zero_view(some.dtype, {run.count, some.shape[1]})
                                      : cuts[run.part].at(run.from));
  }
  return concatenate(out, 0);
}

std::vector<Piece> rows_without_place(const View& view, const std::vector<std::int64_t>& to) {
  std::vector<std::int64_t> borders;
  for (std::size_t i = 1; i < to.size(); ++i) {
    if ((to[i] < 0) != (to[i - 1] < 0)) borders.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<Piece> out;
  for (const auto& [row, piece] : cut_at(view, std::move(borders))) {
    if (to.empty() || to[static_cast<std::size_t>(row)] >= 0) continue;
    const auto copies = copies_of(piece);
    out.insert(out.end(), copies.begin(), copies.end());
  }
  return out;
}

}  // namespace tenon
