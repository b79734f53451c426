#include "checkpoint/side_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "checkpoint/json_text.h"
#include "checkpoint/kept.h"
#include "checkpoint/manifest.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

// The same weights as other programs keep them. They would be the old layout beside the new one.
bool is_foreign_weight(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kKinds = {{
      {"pytorch_model", ".bin"},
      {"pytorch_model", ".bin.index.json"},
      {"consolidated", ".pth"},
      {"tf_model", ".h5"},
      {"flax_model", ".msgpack"},
      {"flax_model", ".msgpack.index.json"},
      {"rust_model", ".ot"},
      {"", ".gguf"},
  }};
  return std::any_of(kKinds.begin(), kKinds.end(), [&](const auto& kind) {
    return name.starts_with(kind.first) && name.ends_with(kind.second);
  });
}

// What a trainer keeps beside the model to go on with: often several times its size.
bool is_training_state(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kKinds = {{
      {"optimizer", ".pt"},
      {"optimizer", ".bin"},
      {"optimizer", ".pth"},
      {"scheduler", ".pt"},
      {"scheduler", ".bin"},
      {"scaler", ".pt"},
      {"rng_state", ".pth"},
      {"random_states_", ".pkl"},
      {"training_args", ".bin"},
      {"trainer_state", ".json"},
      {"global_step", ""},
      {"zero_pp_rank_", ".pt"},
      {"mp_rank_", "_model_states.pt"},
      {"bf16_zero_pp_rank_", ".pt"},
  }};
  return std::any_of(kKinds.begin(), kKinds.end(), [&](const auto& kind) {
    return name.starts_with(kind.first) && name.ends_with(kind.second);
  });
}

class Lister {
 public:
  Lister(const fs::path& folder, const FoundShards& shards, const OpenOptions& how, Diagnostics& diagnostics)
      : folder_(folder), shards_(shards), how_(how), diagnostics_(diagnostics) {}

  std::vector<fs::path> list() {
    walk(folder_);
    std::sort(files_.begin(), files_.end());
    if (!foreign_.empty()) {
      std::sort(foreign_.begin(), foreign_.end());
      diagnostics_.warning("side-file-foreign"_id, place(folder_),
                           fmt::format("weights in other formats, not copied: {}", join_some(foreign_)));
    }
    if (!training_.empty()) {
      std::sort(training_.begin(), training_.end());
      diagnostics_.note("side-file-training"_id, place(folder_),
                        fmt::format("a trainer's state stays behind: {}", join_some(training_, 10)),
                        "--side-files all takes it along.");
    }
    return std::move(files_);
  }

 private:
  static Place place(const fs::path& path) { return {shown(path.string()), 0, 0, {}, "", ""}; }

  void walk(const fs::path& folder) {
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) visit(*it);
    if (error) throw SystemError("list", folder.string(), error.value());
  }

  bool is_checkpoint_file(const std::string& name) const {
    const auto has = [&](const auto& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    return name == kManifestName || name == kKeptFile || name == shards_.index_name || has(shards_.names) ||
           has(shards_.others);
  }

  void visit(const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    const bool at_top = entry.path().parent_path() == folder_;
    if (at_top && is_checkpoint_file(name)) return;
    if (is_left_behind(entry, name)) {
      training_.push_back(shown(entry.path().lexically_relative(folder_).string()));
    } else if (entry.is_symlink() && leaves(entry.path())) {
      return;
    } else if (entry.is_directory() && entry.is_symlink()) {
      diagnostics_.warning("side-file-skipped"_id, place(entry.path()),
                           "is a link to a folder, and not copied");
    } else if (entry.is_directory()) {
      if (name != ".git" && name != ".cache" && name != "__pycache__") walk(entry.path());
    } else if (!entry.is_regular_file()) {
      diagnostics_.warning("side-file-skipped"_id, place(entry.path()), "is no regular file, and not copied");
    } else if (at_top && is_foreign_weight(name)) {
      foreign_.push_back(shown(name));
    } else {
      files_.push_back(entry.path().lexically_relative(folder_));
    }
  }

  // By the folder's name all that is in it; below the top only that.
  bool is_left_behind(const fs::directory_entry& entry, const std::string& name) const {
    if (how_.all_side_files || !is_training_state(name)) return false;
    return entry.is_directory() == name.starts_with("global_step");
  }

  // Tells it where the link is not to be followed.
  bool leaves(const fs::path& path) {
    try {
      require_inside(folder_, path, how_.follow_links);
      return false;
    } catch (const UserError& error) {
      for (const Diagnostic& d : error.diagnostics()) diagnostics_.add(d);
      return true;
    }
  }

  const fs::path& folder_;
  const FoundShards& shards_;
  const OpenOptions& how_;
  Diagnostics& diagnostics_;
  std::vector<fs::path> files_;
  std::vector<std::string> foreign_;
  std::vector<std::string> training_;
};

}  // namespace

std::vector<fs::path> list_side_files(const fs::path& folder, const FoundShards& shards,
                                      const OpenOptions& how, Diagnostics& diagnostics) {
  return Lister(folder, shards, how, diagnostics).list();
}

std::uint64_t size_of_side_files(const Checkpoint& source) {
  std::uint64_t total = 0;
  for (const fs::path& file : source.side_files) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(source.directory / file, error);
    if (!error) total += size;
  }
  return total;
}

}  // namespace tenon
