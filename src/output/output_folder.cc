#include "output/output_folder.h"

#include "checkpoint/file.h"

namespace tenon {

namespace fs = std::filesystem;

void OutputFolder::copy_side_files(const Checkpoint& source, const std::map<std::string, std::string>& texts,
                                   const Observer& observer, const PassedBytes& passed) const {
  for (const fs::path& file : source.side_files) {
    if (texts.contains(file.generic_string())) continue;
    make_folders((path_ / file).parent_path());
    const std::string name = file.generic_string();
    if (passed) passed(name, {});
    copy_file(source.directory / file, path_ / file, sync_, observer, [&](std::span<const std::byte> bytes) {
      if (passed) passed(name, bytes);
    });
  }
  for (const auto& [name, text] : texts) write_text(name, text, passed);
}

void OutputFolder::write_text(const std::string& name, std::string_view text,
                              const PassedBytes& passed) const {
  if (passed) passed(name, std::as_bytes(std::span(text)));
  write_text_file(path_ / name, text, sync_);
}

bool OutputFolder::sync_folders() const {
  bool synced = true;
  for (const auto& entry : fs::recursive_directory_iterator(path_)) {
    if (entry.is_directory()) synced = sync_folder(entry.path()) && synced;
  }
  return sync_folder(path_) && synced;
}

}  // namespace tenon
