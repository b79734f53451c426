#include <fmt/format.h>

#include "base/error_ids.h"
#include "base/text.h"
#include "cli/commands.h"
#include "report/error_report.h"

namespace tenon {
namespace {

// As it stands in a message, in brackets or not.
std::string bare(const std::string& typed) {
  const std::size_t open = typed.find('[');
  if (open == std::string::npos) return typed;
  return typed.substr(open + 1, typed.find(']', open) - open - 1);
}

const ErrorEntry& entry_of(const std::string& id) {
  if (const ErrorEntry* const entry = find_error(id)) return *entry;
  std::vector<std::string> ids;
  for (const auto& entry : error_table()) ids.emplace_back(entry.id);
  const std::string near = did_you_mean(id, ids);
  throw UserError("args-value"_id, {"explain-error", 0, 0, {}, "", ""},
                  fmt::format("there is no error '{}'", id),
                  near.empty() ? "`tenon explain-error` lists them." : near);
}

Verdict explain_error(const Options& options, Console& console) {
  if (options.markdown) {
    console.result(errors_page());
  } else if (options.key.empty()) {
    console.result(error_list());
  } else {
    console.result(error_text(entry_of(bare(options.key))));
  }
  return Verdict::kHolds;
}

}  // namespace

Command explain_error_command() {
  return {
      .name = "explain-error",
      .about = "Say what an error means and what to do about it",
      .examples =
          R"(  tenon explain-error plan-key-lost      the name in brackets of error[plan-key-lost]: what it means, an example, what to do
  tenon explain-error                    all of them, in a line each
  tenon explain-error --markdown > docs/errors.md)",
      .arguments = {{"ID", "What stands in brackets behind error, warning or note",
                     member_of<&Options::key>(), Completes::kNothing, false}},
      .run = explain_error};
}

}  // namespace tenon
