// The folders in which a hub's client keeps what it has fetched.
#pragma once

#include <filesystem>
#include <optional>

namespace tenon {

/// The snapshot that is meant by a cache folder (`models--org--name`: that of refs/main, or the only one), or
/// by the id of a repository that is in the cache ("org/name"); nothing where `given` is neither. An id is
/// looked for where the client would: $HF_HUB_CACHE, $HF_HOME/hub, ~/.cache/huggingface/hub. Throws UserError
/// where a cache folder holds no snapshot, or several of which none is main's.
std::optional<std::filesystem::path> hub_snapshot(const std::filesystem::path& given);

}  // namespace tenon
