#include "parity/parity.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>

#include "checkpoint/file.h"
#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/flags.h"
#include "cli/parity_check.h"
#include "parity/backend.h"
#include "report/parity_html.h"
#include "report/parity_report.h"

namespace tenon {
namespace {

constexpr std::int64_t kMostTokens = 1 << 16;

struct ParityFlags {
  std::string original;
  std::string fused;
  std::string library;
  ConvertOptions conversion;
  std::string backend = "auto";
  std::string dtype;
  std::string layers = "all";
  std::int64_t tokens = 16;
  std::uint64_t seed = 0;
  std::string report;
  std::string check;
  bool json = false;
};

Place flag_place(const char* flag) {
  return {flag, 0, 0, {}, "", ""};
}

std::optional<DType> dtype_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (name == "bf16") return DType::kBF16;
  if (name == "fp16") return DType::kF16;
  if (name == "fp32") return DType::kF32;
  throw UserError(
      flag_place("--dtype"), fmt::format("parity does not run in '{}'", name),
      "It runs in bf16, fp16 and fp32; without the flag in what each module's weights are kept in.");
}

std::optional<std::pair<std::int64_t, std::int64_t>> layers_of(const std::string& text) {
  if (text == "all") return std::nullopt;
  const char* const end = text.data() + text.size();
  std::int64_t first = -1;
  auto [at, failed] = std::from_chars(text.data(), end, first);
  std::int64_t last = first;
  if (failed == std::errc() && at != end && *at == '-') {
    const auto rest = std::from_chars(at + 1, end, last);
    at = rest.ptr;
    failed = rest.ec;
  }
  if (failed != std::errc() || at != end || first < 0 || last < first)
    throw UserError(flag_place("--layers"), fmt::format("'{}' names no layers", text),
                    "Write all, 7 or 0-3.");
  return std::pair{first, last};
}

BackendChoice backend_of(const std::string& name) {
  if (name == "auto") return BackendChoice::kAuto;
  if (name == "cpu") return BackendChoice::kCpu;
  if (name == "cuda") return BackendChoice::kCuda;
  throw UserError(flag_place("--backend"), fmt::format("there is no backend '{}'", name),
                  "auto, cpu or cuda.");
}

ParityOptions options_of(const ParityFlags& flags) {
  ParityOptions options;
  options.dtype = dtype_of(flags.dtype);
  options.layers = layers_of(flags.layers);
  if (flags.tokens < 1 || flags.tokens > kMostTokens)
    throw UserError(flag_place("--tokens"), fmt::format("{} tokens", flags.tokens),
                    fmt::format("1 to {}.", kMostTokens));
  options.tokens = flags.tokens;
  options.seed = flags.seed;
  return options;
}

Verdict parity(const ParityFlags& flags, Console& console) {
  if (!flags.check.empty())
    return check_parity_report({flags.check, flags.original, flags.fused, flags.json}, console);
  if (flags.original.empty())
    throw UserError(flag_place("ORIGINAL"), "no checkpoint is named",
                    "Write tenon parity ORIGINAL [FUSED], or tenon parity --check report.json.");
  ParityOptions options = options_of(flags);
  const BackendChoice choice = backend_of(flags.backend);
  options.progress = [&](std::size_t done, std::size_t all, const std::string& module) {
    console.message(fmt::format("[{}/{}] {}", done + 1, all, module));
  };
  const auto planned =
      plan_conversion(flags.original, meaning_of(flags.conversion).plan, library_at(flags.library));
  console.report(planned.source.warnings);
  options.shared = shared_modules(planned.library);
  std::optional<Checkpoint> fused;
  if (!flags.fused.empty()) fused = open_checkpoint(flags.fused);
  std::string why_not_cuda;
  const auto backend = open_backend(choice, &why_not_cuda);
  console.message(fmt::format("backend: {} ({}){}", backend->name(), backend->machine(),
                              why_not_cuda.empty() ? "" : ", not CUDA: " + why_not_cuda));
  const ParityResult result =
      run_parity(planned.source, planned.rules, planned.plan, fused ? &*fused : nullptr, options, *backend);
  const ParitySubject subject = parity_subject(flags.original, flags.fused, planned.rules);
  if (!flags.report.empty()) {
    std::filesystem::create_directories(flags.report);
    const std::filesystem::path folder = flags.report;
    write_text_file(folder / "report.json", parity_json(subject, result).dump(2) + "\n", false);
    write_text_file(folder / "junit.xml", parity_junit(result), false);
    write_text_file(folder / "report.html", parity_html(subject, result), false);
  }
  if (flags.json) {
    console.json_result(parity_json(subject, result));
  } else {
    console.result(parity_text(subject, result));
  }
  return result.holds() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace

Command parity_command() {
  return {"parity", "Run the original and the fused modules and prove that they agree",
          R"(Examples:
  tenon parity Mixtral-8x7B                          the plan's fused weights against the original ones
  tenon parity Mixtral-8x7B Mixtral-8x7B-fused       a converted checkpoint against its source
  tenon parity Llama-3-8B --fuse qkv --fuse gate_up  with fusion families
  tenon parity Llama-3-8B --fuse gate_up --layers 0-1 --tokens 64 --report out
  tenon parity --check out/report.json               later: are the checkpoints still those that were compared?)",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<ParityFlags>();
            app.add_option("ORIGINAL", flags->original, "The checkpoint in its publisher's layout");
            app.add_option("FUSED", flags->fused,
                           "The converted checkpoint (default: what the plan would write)");
            add_rule_flags(app, flags->conversion);
            add_library_flag(app, flags->library);
            app.add_option("--backend", flags->backend,
                           "auto (default: cuda where there is a GPU and the CUDA module), cpu or cuda");
            app.add_option("--dtype", flags->dtype, "bf16, fp16 or fp32 (default: as the weights are)");
            app.add_option("--layers", flags->layers, "all (default), a layer, or a range: 0-3");
            app.add_option("--tokens", flags->tokens, "Tokens of input (default 16)");
            app.add_option("--seed", flags->seed, "Of the inputs (default 0)");
            app.add_option("--report", flags->report,
                           "Write report.html, report.json and junit.xml into this folder");
            app.add_option("--check", flags->check,
                           "Runs nothing: is this report.json still about the checkpoints' bytes?");
            app.add_flag("--json", flags->json, "One JSON document");
            return [flags](Console& console) { return parity(*flags, console); };
          }};
}

}  // namespace tenon
