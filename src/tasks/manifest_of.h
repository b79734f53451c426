// What a conversion records of itself: the manifest in its destination, and the journal's head while it runs.
#pragma once

#include "checkpoint/manifest.h"
#include "engine/engine.h"
#include "output/journal.h"
#include "tasks/conversion.h"

namespace tenon {

Manifest manifest_of(const PlannedConversion& planned, const Options& options, const EngineResult& written,
                     const std::vector<FileRecord>& side_files);

/// The tensors of the source's own files, which a conversion through another layout has below its first half.
std::vector<TensorRecord> source_records(const Manifest& manifest);

/// Two conversions with equal heads write the same bytes.
JournalHead journal_head_of(const PlannedConversion& planned, const Options& options);

}  // namespace tenon
