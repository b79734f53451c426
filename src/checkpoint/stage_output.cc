#include "checkpoint/stage_output.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <set>

#include "base/text.h"
#include "checkpoint/destination.h"
#include "checkpoint/publish.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

Place place(const fs::path& path) {
  return {path.string(), 0, 0, {}, "", ""};
}

std::uint64_t size_of_side_files(const Checkpoint& source) {
  std::uint64_t total = 0;
  for (const fs::path& file : source.side_files) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(source.directory / file, error);
    if (!error) total += size;
  }
  return total;
}

// What is not finished is written anew; what the plan does not write must not stay.
void remove_all_but(const std::vector<FinishedShard>& finished, const fs::path& folder) {
  std::set<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder)) unfinished.insert(entry.path());
  for (const FinishedShard& shard : finished) unfinished.erase(folder / shard.name);
  for (const fs::path& path : unfinished) fs::remove_all(path);
}

void sync_tree(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_directory()) sync_folder(entry.path());
  }
  sync_folder(folder);
}

}  // namespace

StagedOutput::StagedOutput(const fs::path& destination, const Checkpoint& source, const StageOptions& options)
    : destination_(resolve_destination(destination, source)), options_(options) {
  // Leftovers may hold a destination that has to come back first.
  if (!fs::exists(WorkFolder::path_for(destination_))) require_free(destination_, options.overwrite);
  side_file_bytes_ = size_of_side_files(source);
  work_.emplace(destination_, notes_);
  const auto earlier = read_journal(work_->journal());
  const std::size_t finished = earlier ? earlier->finished.size() : 0;
  work_->keep(finished > 0);
  require_free(destination_, options.overwrite);
  if (finished > 0 && !options.resume) {
    throw UserError(place(destination_),
                    fmt::format("an interrupted run has finished {} of its shards", finished),
                    fmt::format("Go on with --resume, or remove {} to start again.", work_->path().string()));
  }
  if (finished == 0 && options.resume) {
    notes_.note(place(destination_), "no interrupted run has finished a shard; starting from the first");
  }
  work_->make_output(finished > 0);
}

StagedOutput::~StagedOutput() = default;

void StagedOutput::require_space(std::uint64_t bytes) const {
  struct statvfs disk {};
  if (::statvfs(work_->path().c_str(), &disk) != 0 || disk.f_blocks == 0)
    return;  // unknown, as on some networks
  const std::uint64_t needed = bytes + side_file_bytes_;
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (needed <= free) return;
  throw SystemError(
      "write", destination_.string(), ENOSPC,
      fmt::format("It takes {}, and {} are free there. Make room or choose another destination.",
                  human_bytes(needed), human_bytes(free)));
}

std::vector<FinishedShard> StagedOutput::begin(const JournalHead& head) {
  auto earlier = read_journal(work_->journal());
  if (!earlier) earlier.emplace();
  if (!earlier->finished.empty()) {
    Diagnostics changed;
    for (const auto& difference : differences(earlier->head, head)) {
      changed.error(place(destination_), fmt::format("cannot resume: {} differs", difference));
    }
    if (changed.has_errors()) {
      changed.note(place(work_->path()), "holds what the interrupted run finished; remove it to start again");
      changed.throw_if_errors();
    }
  }
  remove_all_but(earlier->finished, folder());
  earlier->head = head;
  write_journal(work_->journal(), *earlier, options_.sync);
  return std::move(earlier->finished);
}

void StagedOutput::finished(const FinishedShard& shard) {
  append_to_journal(work_->journal(), shard, options_.sync);
  work_->keep(true);
}

void StagedOutput::copy_side_files(const Checkpoint& source, const std::optional<std::string>& config_text) {
  for (const fs::path& file : source.side_files) {
    if (config_text && file == "config.json") continue;
    fs::create_directories((folder() / file).parent_path());
    copy_file(source.directory / file, folder() / file, options_.sync);
  }
  if (config_text) write_text("config.json", *config_text);
}

void StagedOutput::write_text(const std::string& name, std::string_view text) {
  const OutputFile file(folder() / name, text.size());
  file.write(0, std::as_bytes(std::span(text)));
  if (options_.sync) file.sync();
}

void StagedOutput::commit() {
  if (options_.sync) sync_tree(folder());
  publish(folder(), destination_, work_->old(), notes_);
  work_->keep(false);
  if (options_.sync) {
    sync_folder(work_->path());
    sync_folder(destination_.parent_path());
  }
  work_.reset();
}

}  // namespace tenon
