#include "checkpoint/config.h"

#include "base/diagnostics.h"
#include "checkpoint/json_text.h"

namespace tenon {

nlohmann::ordered_json parse_config(std::string_view text, const std::string& file) {
  nlohmann::ordered_json config = parse_json(text, file);
  if (config.is_object()) return config;
  throw UserError("config-not-object"_id, {file, 0, 0, {}, "", ""}, "is not a JSON object",
                  "A model's config.json is one {...}: fetch it again.");
}

std::string architecture_of(const nlohmann::ordered_json& config) {
  const auto found = config.find("architectures");
  const bool named =
      found != config.end() && found->is_array() && !found->empty() && found->front().is_string();
  return named ? found->front().get<std::string>() : "";
}

}  // namespace tenon
