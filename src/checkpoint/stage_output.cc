#include "checkpoint/stage_output.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <utility>

#include "base/text.h"
#include "checkpoint/destination.h"
#include "checkpoint/file.h"
#include "checkpoint/publish.h"
#include "checkpoint/side_files.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

// What is not finished is written anew; what the plan does not write must not stay.
void remove_all_but(const std::vector<FinishedShard>& finished, const fs::path& folder) {
  std::set<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder)) unfinished.insert(entry.path());
  for (const FinishedShard& shard : finished) unfinished.erase(folder / shard.name);
  for (const fs::path& path : unfinished) remove_tree(path);
}

// False where the file system cannot sync folders.
bool sync_tree(const fs::path& folder) {
  bool synced = true;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_directory()) synced = sync_folder(entry.path()) && synced;
  }
  return sync_folder(folder) && synced;
}

// A conversion that has nothing left to do but to be looked at.
[[noreturn]] void throw_finished_before(const fs::path& destination) {
  throw UserError(place_of(destination), "the destination exists: an interrupted run had finished it",
                  "`tenon verify` checks it; with --overwrite it is made anew.");
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
  if (work_->committed() && !options.overwrite && is_occupied(destination_))
    throw_finished_before(destination_);
  require_free(destination_, options.overwrite);
  if (finished > 0 && !options.resume) {
    throw UserError(place_of(destination_),
                    fmt::format("an interrupted run has finished {} of its shards", finished),
                    fmt::format("Go on with --resume, or remove {} to start again.", work_->path().string()));
  }
  if (finished == 0 && options.resume) {
    notes_.note(place_of(destination_), "no interrupted run has finished a shard; starting from the first");
  }
  work_->make_output(finished > 0, notes_);
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

void StagedOutput::require_same(const JournalHead& head) const {
  const auto earlier = read_journal(work_->journal());
  if (!earlier || earlier->finished.empty()) return;
  Diagnostics changed;
  for (const auto& difference : differences(earlier->head, head)) {
    changed.error(place_of(destination_), fmt::format("cannot resume: {} differs", difference));
  }
  if (!changed.has_errors()) return;
  changed.note(place_of(work_->path()), "holds what the interrupted run finished; remove it to start again");
  changed.throw_if_errors();
}

std::vector<FinishedShard> StagedOutput::begin(const JournalHead& head) {
  auto earlier = read_journal(work_->journal());
  if (!earlier) earlier.emplace();
  for (const FinishedShard& shard : earlier->finished) finished_.insert(shard.name);
  remove_all_but(earlier->finished, folder());
  for (const std::string& name : finished_) {
    // That run may not have waited for the disk.
    if (options_.sync && fs::is_regular_file(folder() / name)) sync_file(folder() / name);
  }
  earlier->head = head;
  write_journal(work_->journal(), *earlier, options_.sync);
  return std::move(earlier->finished);
}

void StagedOutput::finished(const FinishedShard& shard) {
  append_to_journal(work_->journal(), shard, options_.sync);
  finished_.insert(shard.name);
  work_->keep(true);
}

void StagedOutput::discard() {
  finished_.clear();
  work_->keep(false);
}

void StagedOutput::copy_side_files(const Checkpoint& source, const std::optional<std::string>& config_text,
                                   const std::function<void()>& between, const PassedBytes& passed) {
  for (const fs::path& file : source.side_files) {
    if (config_text && file == "config.json") continue;
    make_folders((folder() / file).parent_path());
    const std::string name = file.generic_string();
    if (passed) passed(name, {});
    copy_file(source.directory / file, folder() / file, options_.sync, between,
              [&](std::span<const std::byte> bytes) {
                if (passed) passed(name, bytes);
              });
  }
  if (config_text) write_text("config.json", *config_text, passed);
}

void StagedOutput::write_text(const std::string& name, std::string_view text, const PassedBytes& passed) {
  if (passed) passed(name, std::as_bytes(std::span(text)));
  write_text_file(folder() / name, text, options_.sync);
}

// Until the renaming is durable the former destination stays in the work folder.
void StagedOutput::commit() {
  bool durable = !options_.sync || sync_tree(folder());
  publish(*work_, destination_, notes_);
  published_ = true;
  work_->keep(true);
  if (options_.sync) {
    durable = sync_folder(work_->path()) && durable;
    durable = sync_folder(destination_.parent_path()) && durable;
  }
  if (!durable) {
    notes_.note(place_of(destination_),
                "this file system cannot sync folders: a power failure may still undo the renaming");
  }
  work_->keep(false);
  work_.reset();
}

std::string StagedOutput::what_stays(std::size_t shards) const {
  if (published_) {
    return fmt::format("{} is complete, but a power failure may still undo it", destination_.string());
  }
  if (finished_.empty()) return "nothing is left of what was begun";
  return fmt::format("{} of {} shards are complete and kept in {}: --resume goes on with the others",
                     finished_.size(), shards, work_->path().string());
}

std::vector<Diagnostic> StagedOutput::take_notes() {
  return std::exchange(notes_, {}).all();
}

}  // namespace tenon
