#include "tasks/conversion_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "adapters/adapter.h"
#include "base/text.h"
#include "checkpoint/index.h"
#include "checkpoint/side_files.h"
#include "engine/conditions.h"
#include "engine/hash_tensors.h"
#include "engine/side_files.h"
#include "tasks/manifest_of.h"

namespace tenon {
namespace {

std::uint64_t size_of(const Plan& plan) {
  std::uint64_t bytes = 0;
  for (const auto& shard : plan.shards) bytes += shard.size;
  return bytes;
}

std::uint64_t size_of(const Plan& plan, const std::vector<FinishedShard>& finished) {
  std::uint64_t bytes = 0;
  for (const auto& shard : plan.shards) {
    const auto is_this = [&](const FinishedShard& done) { return done.name == shard.name; };
    if (std::any_of(finished.begin(), finished.end(), is_this)) bytes += shard.size;
  }
  return bytes;
}

// What can be said of a conversion before it is done.
ConversionReport report_of(const PlannedConversion& planned, const Options& options) {
  ConversionReport report;
  report.source = options.source;
  report.destination = options.destination;
  report.to = planned.plan.to;
  if (planned.through) {
    for (const auto& file : planned.through->rules.files) report.rules.push_back(file.name);
  }
  for (const auto& file : planned.rules.files) report.rules.push_back(file.name);
  report.source_tensors = planned.source.tensors.size();
  report.output_tensors = planned.plan.outputs.size();
  report.shards = planned.plan.shards.size();
  for (const auto& output : planned.plan.outputs) report.bytes += output.bytes;
  report.verified = options.verify;
  report.hash = name_of(options.hash);
  report.timings = planned.timings;
  return report;
}

// Side files that are not copies.
std::map<std::string, std::string> written_texts(const Plan& plan) {
  std::map<std::string, std::string> out;
  if (plan.config_text) out["config.json"] = *plan.config_text;
  if (plan.adapter_config_text) out[kAdapterConfigName] = *plan.adapter_config_text;
  return out;
}

double total_seconds(const Timings& timings) {
  double seconds = 0;
  for (const StepTime& step : timings) seconds += step.seconds;
  return seconds;
}

bool is_full_disk(const SystemError& error) {
  return error.error_number() == ENOSPC || error.error_number() == EDQUOT;
}

}  // namespace

ConversionRun::ConversionRun(const PlannedConversion& planned, const Options& options, Observer& observer,
                             const ChunkEdit* edit)
    : planned_(planned),
      options_(options),
      observer_(observer),
      edit_(edit),
      report_(report_of(planned, options)) {}

EngineOptions ConversionRun::engine_options(const char* stage) const {
  EngineOptions engine;
  engine.threads = options_.threads;
  engine.hash = options_.hash;
  engine.sync = options_.sync;
  engine.stage = stage;
  return engine;
}

void ConversionRun::check_conditions() {
  const Timer timer(report_.timings, "conditions");
  observer_.note(tenon::check_conditions(planned_.plan, planned_.source, observer_));
}

void ConversionRun::claim() {
  const Timer timer(report_.timings, "claim");
  claim_.emplace(options_.destination, planned_.source, options_);
  observer_.note(claim_->take_notes());
}

void ConversionRun::take_up_finished() {
  const Timer timer(report_.timings, "take up");
  const JournalHead head = journal_head_of(planned_, options_);
  claim_->require_same(head);
  is_writing_ = true;
  const std::vector<FinishedShard> recorded = claim_->begin(head);
  if (recorded.empty()) return;
  finished_ =
      still_finished(recorded, planned_.plan, claim_->folder(), engine_options("checking"), observer_);
  observer_.note("journal-resumed"_id, fmt::format("going on: {} of {} shards are complete", finished_.size(),
                                                   planned_.plan.shards.size()));
}

void ConversionRun::write_shards() {
  const Timer timer(report_.timings, "write");
  claim_->require_space(size_of(planned_.plan) - size_of(planned_.plan, finished_));
  EngineOptions engine = engine_options("converting");
  engine.finished = finished_;
  engine.log = &*claim_;
  engine.edit = edit_;
  written_ = execute(planned_.plan, planned_.source, claim_->folder(), engine, observer_);
  report_.bytes_written = written_.bytes_written;
  if (!written_.space_reserved)
    observer_.note("output-file-system"_id,
                   "this file system cannot reserve space: a full disk shows only while writing");
}

bool ConversionRun::compare_shards() {
  if (!options_.verify) return true;
  const Timer timer(report_.timings, "compare");
  const WrittenCheck check = verify_written(planned_.plan, planned_.source, claim_->folder(),
                                            engine_options("verifying"), observer_);
  for (const auto& difference : check.differences) report_.findings.push_back(to_string(difference));
  report_.bytes_read_back = check.bytes;
  report_.bytes_read_from_memory = check.bytes_in_memory;
  return report_.findings.empty();
}

// Recorded while their bytes pass; to be verified they are read again.
bool ConversionRun::write_side_files() {
  const Timer timer(report_.timings, "side files");
  const OutputFolder output = claim_->output();
  SideFileRecorder recorder;
  const auto passed = [&](const std::string& name, std::span<const std::byte> bytes) {
    recorder.pass(name, bytes);
  };
  output.copy_side_files(planned_.source, written_texts(planned_.plan), observer_, passed);
  if (planned_.plan.index_text)
    output.write_text(planned_.plan.index_name, *planned_.plan.index_text, passed);
  side_files_ = recorder.take();
  if (options_.verify) {
    for (const auto& [name, what] : changed_side_files(side_files_, output.path(), observer_))
      report_.findings.push_back(fmt::format("{}: {}", name, what));
  }
  if (options_.hash == HashKind::kSha256) add_sha256(side_files_, output.path(), observer_);
  return report_.findings.empty();
}

void ConversionRun::write_manifest() {
  const Timer timer(report_.timings, "manifest");
  claim_->output().write_text(kManifestName,
                              to_json_text(manifest_of(planned_, options_, written_, side_files_)));
}

void ConversionRun::publish() {
  const Timer timer(report_.timings, "publish");
  observer_.throw_if_stopped();
  claim_->publish();
  observer_.note(claim_->take_notes());
}

ConversionReport ConversionRun::report() {
  report_.seconds = total_seconds(report_.timings);
  return report_;
}

ConversionReport ConversionRun::not_made() {
  tell_what_stays();
  return report();
}

void ConversionRun::tell_what_stays() {
  if (is_writing_) observer_.note("journal-kept"_id, claim_->what_stays(planned_.plan.shards.size()));
}

// Once shards are being written, a mistake of the user's is that the source is no longer what was planned
// with.
void ConversionRun::explain_wrong_source() {
  if (is_writing_) claim_->discard();
  tell_what_stays();
}

SystemError ConversionRun::explained(const SystemError& error) {
  tell_what_stays();
  claim_.reset();  // which gives space back, unless it is kept for --resume
  if (!is_full_disk(error)) return error;
  const auto folder = std::filesystem::absolute(options_.destination).parent_path();
  std::error_code unknown;
  const auto space = std::filesystem::space(folder, unknown);
  if (unknown) return error;
  return error.with_hint(
      fmt::format("It takes {} in all, and {} are free there now. Make room or choose another destination.",
                  human_bytes(size_of(planned_.plan) + size_of_side_files(planned_.source)),
                  human_bytes(space.available)));
}

}  // namespace tenon
