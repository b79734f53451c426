#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "base/text.h"

namespace tenon {
namespace {

using namespace std::chrono_literals;

constexpr auto kRedraw = 100ms;
constexpr auto kRateWindow = 5s;
constexpr int kWidestBar = 40;
constexpr int kNarrowestBar = 10;
constexpr int kFiguresWidth = 52;  // room for the longest figures, so that the bar keeps its length

std::string time_left(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::min(seconds, 359999.0) + 0.5);
  const std::int64_t hours = whole / 3600;
  const std::int64_t minutes = whole / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02} left", hours, minutes, whole % 60)
                   : fmt::format("{}:{:02} left", minutes, whole % 60);
}

int terminal_width(std::FILE* terminal) {
  winsize size{};
  if (ioctl(fileno(terminal), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

std::string progress_line(std::string_view label, std::uint64_t done, std::uint64_t total,
                          double bytes_per_second, int width) {
  done = std::min(done, total);
  const double share = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
  std::string figures = fmt::format("{:3.0f}%  {} of {}", share * 100, human_bytes(done), human_bytes(total));
  if (bytes_per_second > 0) {
    figures += fmt::format("  {}/s  {}", human_bytes(static_cast<std::uint64_t>(bytes_per_second)),
                           time_left(static_cast<double>(total - done) / bytes_per_second));
  }
  const int room = width - 1 - static_cast<int>(label.size()) - 6 - kFiguresWidth;
  std::string line = fmt::format("{}  {}", label, figures);
  if (room >= kNarrowestBar) {
    const int cells = std::min(room, kWidestBar);
    const auto filled = static_cast<std::size_t>(share * cells);
    line = fmt::format("{}  [{}{}]  {}", label, std::string(filled, '#'),
                       std::string(static_cast<std::size_t>(cells) - filled, '-'), figures);
  }
  return line.substr(0, static_cast<std::size_t>(std::max(width - 1, 0)));
}

ProgressBar::ProgressBar(const Console& console, std::string label, std::uint64_t total)
    : terminal_(console.interactive() ? console.messages() : nullptr),
      label_(std::move(label)),
      total_(total),
      samples_{{Clock::now(), 0}} {}

void ProgressBar::clear() {
  if (terminal_ == nullptr) return;
  std::fputs("\r\033[K", terminal_);
  std::fflush(terminal_);
}

void ProgressBar::update(std::uint64_t done) {
  const auto now = Clock::now();
  if (terminal_ == nullptr || now - samples_.back().time < kRedraw) return;
  samples_.push_back({now, done});
  while (samples_.size() > 2 && now - samples_.front().time > kRateWindow) samples_.pop_front();
  const std::string line = progress_line(label_, done, total_, recent_rate(), terminal_width(terminal_));
  std::fputs(fmt::format("\r\033[K{}", line).c_str(), terminal_);
  std::fflush(terminal_);
}

double ProgressBar::recent_rate() const {
  const std::chrono::duration<double> span = samples_.back().time - samples_.front().time;
  if (span.count() <= 0 || samples_.back().done < samples_.front().done) return 0;
  return static_cast<double>(samples_.back().done - samples_.front().done) / span.count();
}

}  // namespace tenon
