#include "cli/conversion.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/index.h"
#include "checkpoint/stage_output.h"
#include "cli/interrupt.h"
#include "cli/manifest_of.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "engine/hash_tensors.h"
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
std::vector<FinishedShard> finished_before(const PlannedConversion& planned, const ConvertRequest& request,
                                           StagedOutput& staged, const InterruptGuard& interrupt,
                                           Console& console) {
  const auto recorded = staged.begin(journal_head_of(planned, request));
  if (recorded.empty()) return {};
  const auto check = [&] {
    ProgressBar bar(console, "checking", size_of(planned.plan));
    return still_finished(recorded, planned.plan, staged.folder(), engine_options(request, interrupt, bar));
  };
  auto finished = check();
  console.message(
      fmt::format("going on: {} of {} shards are complete", finished.size(), planned.plan.shards.size()));
  return finished;
}

EngineResult write_shards(const PlannedConversion& planned, const ConvertRequest& request,
                          StagedOutput& staged, const InterruptGuard& interrupt, Console& console) {
  const auto finished = finished_before(planned, request, staged, interrupt, console);
  const std::uint64_t to_write = size_of(planned.plan) - size_of(planned.plan, finished);
  staged.require_space(to_write);
  ProgressBar bar(console, "converting", to_write);
  EngineOptions options = engine_options(request, interrupt, bar);
  options.finished = finished;
  std::size_t complete = finished.size();
  options.shard_finished = [&](const FinishedShard& shard) {
    staged.finished(shard);
    ++complete;
  };
  try {
    return execute(planned.plan, planned.source, staged.folder(), options);
  } catch (const Interrupted&) {
    bar.clear();
    console.message(complete == 0
                        ? "nothing is left of what was begun"
                        : fmt::format("{} of {} shards are complete: --resume goes on with the others",
                                      complete, planned.plan.shards.size()));
    throw;
  }
}

// What was written, read again and taken back to the source's layout. Says what differs.
std::vector<std::string> verify(const PlannedConversion& planned, const ConvertRequest& request,
                                const StagedOutput& staged, const InterruptGuard& interrupt,
                                Console& console) {
  ProgressBar bar(console, "verifying", planned.source.total_bytes());
  std::vector<std::string> findings;
  for (const auto& difference : verify_written(planned.plan, planned.source, staged.folder(),
                                               engine_options(request, interrupt, bar))) {
    findings.push_back(to_string(difference));
  }
  return findings;
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

}  // namespace

ConversionReport carry_out(const PlannedConversion& planned, const ConvertRequest& request,
                           Console& console) {
  const auto& [source, library, rules, plan, started] = planned;
  const InterruptGuard interrupt;

  // Work happens beside the destination, which stays as it is until the last step.
  StagedOutput staged(request.destination, source, request.stage);
  console.report(staged.notes());

  // The engine hashes the bytes while they pass, so that the manifest costs no second reading.
  const EngineResult written = write_shards(planned, request, staged, interrupt, console);
  if (!written.space_reserved) {
    console.message("note: this file system cannot reserve space: a full disk shows only while writing");
  }
  ConversionReport report = report_of(planned, request, written);
  if (request.verify) report.findings = verify(planned, request, staged, interrupt, console);
  if (!report.findings.empty()) return report;

  staged.copy_side_files(source, plan.config_text);
  if (plan.index_text) staged.write_text(kIndexName, *plan.index_text);
  staged.write_text(kManifestName, to_json_text(manifest_of(planned, request, written)));
  staged.commit();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return report;
}

}  // namespace tenon
