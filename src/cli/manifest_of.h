// What a conversion records of itself: the manifest in its destination, and the journal's head while it runs.
#pragma once

#include "checkpoint/journal.h"
#include "checkpoint/manifest.h"
#include "cli/conversion.h"
#include "engine/engine.h"

namespace tenon {

Manifest manifest_of(const PlannedConversion& planned, const ConvertRequest& request,
                     const EngineResult& written, const std::vector<FileRecord>& side_files);

/// Two conversions with equal heads write the same bytes.
JournalHead journal_head_of(const PlannedConversion& planned, const ConvertRequest& request);

/// "xxh3", "sha256", "none": as --hash has it.
std::string_view name_of(HashKind hash);

}  // namespace tenon
