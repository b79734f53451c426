#include "cli/conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "checkpoint/index.h"
#include "checkpoint/side_files.h"
#include "checkpoint/stage_output.h"
#include "cli/interrupt.h"
#include "cli/manifest_of.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "engine/hash_tensors.h"
#include "engine/side_files.h"
#include "engine/verify_written.h"

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

// How often a hash of that kind reads what lies on the disk.
std::uint64_t passes_of(HashKind hash) {
  return hash == HashKind::kSha256 ? 2 : 1;
}

EngineOptions engine_options(const ConvertRequest& request, const InterruptGuard& interrupt,
                             ProgressBar& bar) {
  EngineOptions options;
  options.threads = request.threads;
  options.hash = request.hash;
  options.sync = request.stage.sync;
  options.stop = interrupt.stop();
  options.progress = [&bar](std::uint64_t done) { bar.update(done); };
  return options;
}

// What an interrupted run finished and is still as that run recorded it.
std::vector<FinishedShard> finished_before(const std::vector<FinishedShard>& recorded,
                                           const PlannedConversion& planned, const ConvertRequest& request,
                                           const StagedOutput& staged, const InterruptGuard& interrupt,
                                           Console& console) {
  if (recorded.empty()) return {};
  const auto check = [&] {
    ProgressBar bar(console, "checking", size_of(planned.plan) * passes_of(request.hash));
    return still_finished(recorded, planned.plan, staged.folder(), engine_options(request, interrupt, bar));
  };
  auto finished = check();
  console.message(
      fmt::format("going on: {} of {} shards are complete", finished.size(), planned.plan.shards.size()));
  return finished;
}

EngineResult write_shards(const PlannedConversion& planned, const ConvertRequest& request,
                          const std::vector<FinishedShard>& finished, StagedOutput& staged,
                          const InterruptGuard& interrupt, Console& console) {
  const std::uint64_t to_write = size_of(planned.plan) - size_of(planned.plan, finished);
  staged.require_space(to_write);
  ProgressBar bar(console, "converting", to_write);
  EngineOptions options = engine_options(request, interrupt, bar);
  options.finished = finished;
  options.shard_finished = [&](const FinishedShard& shard) { staged.finished(shard); };
  EngineResult written = execute(planned.plan, planned.source, staged.folder(), options);
  if (!written.space_reserved) {
    console.message("note: this file system cannot reserve space: a full disk shows only while writing");
  }
  return written;
}

// What was written, read again and taken back to the source's layout.
WrittenCheck verify(const PlannedConversion& planned, const ConvertRequest& request,
                    const StagedOutput& staged, const InterruptGuard& interrupt, Console& console) {
  ProgressBar bar(console, "verifying", planned.source.total_bytes());
  return verify_written(planned.plan, planned.source, staged.folder(),
                        engine_options(request, interrupt, bar));
}

void report_check(const WrittenCheck& check, ConversionReport& report) {
  for (const auto& difference : check.differences) report.findings.push_back(to_string(difference));
  report.bytes_read_back = check.bytes;
  report.bytes_read_from_memory = check.bytes_in_memory;
}

ConversionReport report_of(const PlannedConversion& planned, const ConvertRequest& request,
                           const EngineResult& written) {
  ConversionReport report;
  report.source = request.source;
  report.destination = request.destination;
  report.to = planned.plan.to;
  for (const auto& file : planned.rules.files) report.rules.push_back(file.name);
  report.source_tensors = planned.source.tensors.size();
  report.output_tensors = planned.plan.outputs.size();
  report.shards = planned.plan.shards.size();
  for (const auto& output : planned.plan.outputs) report.bytes += output.bytes;
  report.bytes_written = written.bytes_written;
  report.verified = request.verify;
  report.hash = name_of(request.hash);
  return report;
}

// All but shards and manifest, recorded while their bytes pass; with --verify they are read again.
std::vector<FileRecord> write_side_files(const PlannedConversion& planned, const ConvertRequest& request,
                                         StagedOutput& staged, const InterruptGuard& interrupt,
                                         ConversionReport& report) {
  const auto between = [&] { interrupt.throw_if_stopped(); };
  SideFileRecorder recorder;
  const auto passed = [&](const std::string& name, std::span<const std::byte> bytes) {
    recorder.pass(name, bytes);
  };
  staged.copy_side_files(planned.source, planned.plan.config_text, between, passed);
  if (planned.plan.index_text) staged.write_text(kIndexName, *planned.plan.index_text, passed);
  std::vector<FileRecord> records = recorder.take();
  if (request.verify) {
    for (const auto& [name, what] : changed_side_files(records, staged.folder(), between))
      report.findings.push_back(fmt::format("{}: {}", name, what));
  }
  if (request.hash == HashKind::kSha256) add_sha256(records, staged.folder(), between);
  return records;
}

// Everything from the first tensor to the finished destination, which does not change before the last line.
ConversionReport fill(const PlannedConversion& planned, const ConvertRequest& request,
                      const std::vector<FinishedShard>& recorded, StagedOutput& staged,
                      const InterruptGuard& interrupt, Console& console) {
  const auto finished = finished_before(recorded, planned, request, staged, interrupt, console);

  // The engine hashes the bytes while they pass, so that the manifest costs no second reading.
  const EngineResult written = write_shards(planned, request, finished, staged, interrupt, console);
  ConversionReport report = report_of(planned, request, written);
  if (request.verify) report_check(verify(planned, request, staged, interrupt, console), report);
  if (!report.findings.empty()) return report;

  const auto side_files = write_side_files(planned, request, staged, interrupt, report);
  if (!report.findings.empty()) return report;
  staged.write_text(kManifestName, to_json_text(manifest_of(planned, request, written, side_files)));
  interrupt.throw_if_stopped();
  staged.commit();
  console.report(staged.take_notes());
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - planned.started).count();
  return report;
}

// Does `step`; where it ends early, says what it leaves, and hands the failure on.
template <typename Step>
auto or_say_what_stays(const PlannedConversion& planned, const StagedOutput& staged, Console& console,
                       const Step& step) {
  try {
    return step();
  } catch (...) {
    console.message(staged.what_stays(planned.plan.shards.size()));
    throw;
  }
}

// What an earlier run recorded as finished. Where that run did something else it stays as it is.
std::vector<FinishedShard> begin(const PlannedConversion& planned, const ConvertRequest& request,
                                 StagedOutput& staged, Console& console) {
  const JournalHead head = journal_head_of(planned, request);
  staged.require_same(head);
  return or_say_what_stays(planned, staged, console, [&] { return staged.begin(head); });
}

ConversionReport fill_destination(const PlannedConversion& planned, const ConvertRequest& request,
                                  StagedOutput& staged, const InterruptGuard& interrupt, Console& console) {
  const auto recorded = begin(planned, request, staged, console);
  return or_say_what_stays(planned, staged, console, [&] {
    try {
      ConversionReport report = fill(planned, request, recorded, staged, interrupt, console);
      if (!report.findings.empty()) console.message(staged.what_stays(planned.plan.shards.size()));
      return report;
    } catch (const UserError&) {  // the source is no longer what was planned with
      staged.discard();
      throw;
    }
  });
}

bool is_full_disk(const SystemError& error) {
  return error.error_number() == ENOSPC || error.error_number() == EDQUOT;
}

SystemError explained(const SystemError& error, const PlannedConversion& planned,
                      const ConvertRequest& request) {
  const auto folder = std::filesystem::absolute(request.destination).parent_path();
  std::error_code unknown;
  const auto space = std::filesystem::space(folder, unknown);
  if (unknown) return error;
  return error.with_hint(fmt::format(
      "It takes {} in all, and {} are free there now. Make room or choose another destination.",
      human_bytes(size_of(planned.plan) + size_of_side_files(planned.source)), human_bytes(space.available)));
}

}  // namespace

ConversionReport carry_out(const PlannedConversion& planned, const ConvertRequest& request,
                           Console& console) {
  const InterruptGuard interrupt;
  try {
    // Work happens beside the destination, which stays as it is until the last step.
    StagedOutput staged(request.destination, planned.source, request.stage);
    console.report(staged.take_notes());
    return fill_destination(planned, request, staged, interrupt, console);
  } catch (const SystemError& error) {
    if (is_full_disk(error)) throw explained(error, planned, request);
    throw;
  }
}

}  // namespace tenon
