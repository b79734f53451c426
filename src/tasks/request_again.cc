#include "tasks/request_again.h"

#include "options/records.h"

namespace tenon {

Options options_again(const Manifest& manifest, const Options& given) {
  Options options = given;
  options.to = manifest.layout;
  take_recorded(manifest.options, options);
  if (manifest_again(manifest, given) != nullptr) return options;
  for (const auto& record : manifest.rules) {
    const std::string& where = record.path.empty() ? record.name : record.path;
    if (record.chosen && given.rules.empty()) options.rules.push_back(where);
    if (record.family && given.fuse.empty()) options.fuse.push_back(where);
  }
  return options;
}

const Manifest* manifest_again(const Manifest& manifest, const Options& given) {
  return manifest.version > 1 && given.rules.empty() && given.fuse.empty() ? &manifest : nullptr;
}

}  // namespace tenon
