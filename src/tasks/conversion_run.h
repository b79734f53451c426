// The steps of a conversion. tasks/convert.cc says their order; each is done once.
#pragma once

#include <optional>
#include <vector>

#include "base/observer.h"
#include "engine/engine.h"
#include "engine/verify_written.h"
#include "output/claim.h"
#include "tasks/conversion.h"

namespace tenon {

class ConversionRun {
 public:
  /// All of them outlive it.
  ConversionRun(const PlannedConversion& planned, const Options& options, Observer& observer,
                const ChunkEdit* edit = nullptr);

  /// Throws UserError where the source's bytes are not what the plan takes for granted.
  void check_conditions();

  /// Takes the destination for this run. Throws UserError where it may not be written or another run has it.
  void claim();

  /// Finds the shards that need not be written. Throws UserError where an interrupted run did something else.
  void take_up_finished();

  /// Throws SystemError where they do not fit on the disk.
  void write_shards();

  /// False where what was written is not what was planned; true where nobody asked.
  bool compare_shards();

  /// Likewise.
  bool write_side_files();

  void write_manifest();

  /// Afterwards the destination is complete.
  void publish();

  /// What was done. not_made(): of a conversion that ends because a comparison found something; says what is
  /// kept of it.
  ConversionReport report();
  ConversionReport not_made();

  /// Runs the steps; where one fails, tells the observer what is kept for --resume, and throws on.
  template <typename Steps>
  ConversionReport run(const Steps& steps) {
    try {
      return steps();
    } catch (const UserError&) {
      explain_wrong_source();
      throw;
    } catch (const SystemError& error) {
      throw explained(error);
    } catch (...) {
      tell_what_stays();
      throw;
    }
  }

 private:
  EngineOptions engine_options(const char* stage) const;
  void tell_what_stays();
  void explain_wrong_source();
  SystemError explained(const SystemError& error);

  const PlannedConversion& planned_;
  const Options& options_;
  Observer& observer_;
  const ChunkEdit* edit_;
  ConversionReport report_;
  std::optional<Claim> claim_;
  /// the journal is this run's
  bool is_writing_ = false;
  std::vector<FinishedShard> finished_;
  EngineResult written_;
  std::vector<FileRecord> side_files_;
};

}  // namespace tenon
