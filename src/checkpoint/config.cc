#include "checkpoint/config.h"

#include "base/diagnostics.h"
#include "checkpoint/json_text.h"

namespace tenon {

nlohmann::ordered_json parse_config(std::string_view text, const std::string& file) {
  nlohmann::ordered_json config = parse_json(text, file);
  if (config.is_object()) return config;
  throw UserError({file, 0, 0, {}, "", ""}, "is not a JSON object",
                  "A model's config.json is one {...}: fetch it again.");
}

}  // namespace tenon
