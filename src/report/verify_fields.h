// The members of a folder's check as documents have them: `tenon verify` and `tenon parity --check`.
#pragma once

#include "base/fields.h"
#include "tasks/verify.h"

namespace tenon {

template <>
struct FieldsOf<VerifyFinding> {
  static std::vector<Field<VerifyFinding>> fields() {
    return {
        field<VerifyFinding>("key", &VerifyFinding::key, "Of a tensor, or the name of a file"),
        field<VerifyFinding>("what", &VerifyFinding::what, "What is wrong with it"),
    };
  }
};

template <>
struct FieldsOf<VerifyReport> {
  static std::vector<Field<VerifyReport>> fields() {
    return {
        field<VerifyReport>("directory", &VerifyReport::directory, "The folder that was checked"),
        field<VerifyReport>("against", &VerifyReport::against,
                            "The source that it was compared with; empty: its manifest alone"),
        field<VerifyReport>(
            "verified", [](const VerifyReport& r) { return r.findings.empty(); }, "Nothing was found"),
        field<VerifyReport>("tensors", &VerifyReport::tensors, "Tensors that were checked"),
        field<VerifyReport>("side_files", &VerifyReport::side_files,
                            "Files beside the shards that were compared with the manifest"),
        field<VerifyReport>("bytes", &VerifyReport::bytes, "Bytes that were read"),
        field<VerifyReport>("bytes_from_memory", &VerifyReport::bytes_from_memory,
                            "Of the shards of the folder, bytes that the system still held in memory"),
        field<VerifyReport>(
            "hashed", &VerifyReport::hashed,
            "False: the manifest has no hashes, so that bytes were only compared with the source"),
        field<VerifyReport>("sha256", &VerifyReport::sha256, "The manifest has SHA-256 as well"),
        field<VerifyReport>("findings", &VerifyReport::findings, "All that is wrong"),
    };
  }
};

}  // namespace tenon
