#include "tasks/batch_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/text.h"

namespace tenon {
namespace {

using Needs = std::vector<std::vector<std::size_t>>;

// Folders that a job reads.
std::vector<std::string> read_by(const BatchJob& job) {
  std::vector<std::string> out{plain_path(job.options.source)};
  for (const std::string* path : {&job.options.other, &job.options.fill_from, &job.options.base}) {
    if (!path->empty()) out.push_back(plain_path(*path));
  }
  return out;
}

void add_named(const std::vector<BatchJob>& jobs, std::size_t i, std::set<std::size_t>& needs,
               Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const BatchJob& job : jobs) names.push_back(job.name);
  for (const std::string& name : jobs[i].needs) {
    bool is_there = false;
    for (std::size_t other = 0; other < jobs.size(); ++other) {
      if (jobs[other].name != name || other == i) continue;
      needs.insert(other);
      is_there = true;
    }
    if (!is_there)
      diagnostics.error("batch-no-job"_id, {jobs[i].name, 0, 0, {}, "needs", ""},
                        fmt::format("there is no other job '{}'", name), did_you_mean(name, names));
  }
}

// Takes away what waits for nothing that is left; what stays then waits for itself.
std::vector<std::size_t> circle(const Needs& needs) {
  std::vector<bool> gone(needs.size());
  for (bool found = true; found;) {
    found = false;
    for (std::size_t i = 0; i < needs.size(); ++i) {
      const bool free = std::all_of(needs[i].begin(), needs[i].end(), [&](std::size_t n) { return gone[n]; });
      if (gone[i] || !free) continue;
      gone[i] = found = true;
    }
  }
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    if (!gone[i]) out.push_back(i);
  }
  return out;
}

}  // namespace

std::string plain_path(const std::string& path) {
  std::string text = std::filesystem::absolute(path).lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

Needs batch_order(const std::vector<BatchJob>& jobs, Diagnostics& diagnostics) {
  std::map<std::string, std::size_t> makers;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!jobs[i].options.destination.empty()) makers.emplace(plain_path(jobs[i].options.destination), i);
  }
  Needs out;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    std::set<std::size_t> needs;
    for (const std::string& path : read_by(jobs[i])) {
      const auto maker = makers.find(path);
      if (maker != makers.end() && maker->second != i) needs.insert(maker->second);
    }
    add_named(jobs, i, needs, diagnostics);
    out.emplace_back(needs.begin(), needs.end());
  }
  const std::vector<std::size_t> waiting = circle(out);
  if (!waiting.empty()) {
    std::vector<std::string> names;
    for (const std::size_t i : waiting) names.push_back(jobs[i].name);
    diagnostics.error("batch-circle"_id, {names.front(), 0, 0, {}, "needs", ""},
                      fmt::format("these jobs wait for each other: {}", join_some(names)),
                      "A job waits for those that make what it reads, and for those that it names.");
  }
  return out;
}

}  // namespace tenon
