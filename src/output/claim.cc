#include "output/claim.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <utility>

#include "base/text.h"
#include "checkpoint/file.h"
#include "checkpoint/side_files.h"
#include "output/destination.h"
#include "output/extra_files.h"
#include "output/publish.h"

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

// A conversion that has nothing left to do but to be looked at.
[[noreturn]] void throw_finished_before(const fs::path& destination) {
  throw UserError("output-exists"_id, place_of(destination),
                  "the destination exists: an interrupted run had finished it",
                  "`tenon verify` checks it; with --overwrite it is made anew.");
}

}  // namespace

Claim::Claim(const fs::path& destination, const Checkpoint& source, const Options& options)
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
    throw UserError("journal-unfinished"_id, place_of(destination_),
                    fmt::format("an interrupted run has finished {} of its shards", finished),
                    fmt::format("Go on with --resume, or remove {} to start again.", work_->path().string()));
  }
  if (finished == 0 && options.resume) {
    notes_.note("journal-absent"_id, place_of(destination_),
                "no interrupted run has finished a shard; starting from the first");
  }
  work_->make_output(finished > 0, notes_);
}

Claim::~Claim() = default;

void Claim::require_space(std::uint64_t bytes) const {
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

void Claim::require_same(const JournalHead& head) const {
  const auto earlier = read_journal(work_->journal());
  if (!earlier || earlier->finished.empty()) return;
  Diagnostics changed;
  for (const auto& difference : differences(earlier->head, head)) {
    changed.error("journal-differs"_id, place_of(destination_),
                  fmt::format("cannot resume: {} differs", difference));
  }
  if (!changed.has_errors()) return;
  changed.note("journal-differs"_id, place_of(work_->path()),
               "holds what the interrupted run finished; remove it to start again");
  changed.throw_if_errors();
}

std::vector<FinishedShard> Claim::begin(const JournalHead& head) {
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

void Claim::finished(const FinishedShard& shard) {
  append_to_journal(work_->journal(), shard, options_.sync);
  finished_.insert(shard.name);
  work_->keep(true);
}

void Claim::discard() {
  finished_.clear();
  work_->keep(false);
}

// A person's notes beside the shards go with the folder that is replaced, unless they are asked for.
void Claim::see_to_extra_files() {
  if (!options_.overwrite || !is_occupied(destination_)) return;
  const auto extra = extra_files(destination_, folder());
  if (extra.empty()) return;
  std::vector<std::string> names;
  for (const fs::path& name : extra) names.push_back(name.string());
  if (options_.keep_extra) {
    take_along(extra, destination_, folder(), options_.sync);
    notes_.note("output-extra-files"_id, place_of(destination_),
                fmt::format("kept, though no conversion made it: {}", join_some(names)));
  } else {
    notes_.warning("output-extra-files"_id, place_of(destination_),
                   fmt::format("replaced, with what no conversion had made: {}", join_some(names)),
                   "--keep-extra takes such files along.");
  }
}

// Until the renaming is durable the former destination stays in the work folder.
void Claim::publish() {
  see_to_extra_files();
  bool durable = !options_.sync || output().sync_folders();
  tenon::publish(*work_, destination_, notes_);
  published_ = true;
  work_->keep(true);
  if (options_.sync) {
    durable = sync_folder(work_->path()) && durable;
    durable = sync_folder(destination_.parent_path()) && durable;
  }
  if (!durable) {
    notes_.note("output-file-system"_id, place_of(destination_),
                "this file system cannot sync folders: a power failure may still undo the renaming");
  }
  work_->keep(false);
  work_.reset();
}

std::string Claim::what_stays(std::size_t shards) const {
  if (published_) {
    return fmt::format("{} is complete, but a power failure may still undo it", destination_.string());
  }
  if (finished_.empty()) return "nothing is left of what was begun";
  return fmt::format("{} of {} shards are complete and kept in {}: --resume goes on with the others",
                     finished_.size(), shards, work_->path().string());
}

std::vector<Diagnostic> Claim::take_notes() {
  return std::exchange(notes_, {}).all();
}

}  // namespace tenon
