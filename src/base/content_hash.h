// Hashes of small texts: rule files, plans, config.json.
#pragma once

#include <string>
#include <string_view>

namespace tenon {

/// "xxh3-128:" and 32 hex digits, the canonical (big-endian) form that xxhsum -H2 prints.
std::string content_hash(std::string_view bytes);

}  // namespace tenon
