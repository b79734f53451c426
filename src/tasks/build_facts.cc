#include "tasks/build_facts.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <tbb/version.h>
#include <xxhash.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <nlohmann/json.hpp>

#include "modules/cuda/cuda_backend.h"
#include "parity/open_backend.h"
#include "rules/library.h"

namespace tenon {
namespace {

std::string compiler_name() {
#if defined(__clang__)
  return fmt::format("clang++ {}.{}.{}, C++20", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("g++ {}.{}.{}, C++20", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

std::string dotted(int number, int unit) {
  return fmt::format("{}.{}.{}", number / (unit * unit), number / unit % unit, number % unit);
}

// Those of shared libraries are the ones that run, which may not be the ones that it was compiled with.
std::string part_versions() {
  std::array<char, 64> pcre2{};
  pcre2_config(PCRE2_CONFIG_VERSION, pcre2.data());
  const std::string_view pcre2_version(pcre2.data());
  return fmt::format(
      "oneTBB {}, fmt {}, nlohmann/json {}.{}.{}, PCRE2 {}, xxHash {}, OpenSSL {}", TBB_runtime_version(),
      dotted(FMT_VERSION, 100), NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
      NLOHMANN_JSON_VERSION_PATCH, pcre2_version.substr(0, pcre2_version.find(' ')),
      dotted(static_cast<int>(XXH_versionNumber()), 100), OpenSSL_version(OPENSSL_VERSION_STRING));
}

std::string library_facts() {
  try {
    const Library library = Library::standard();
    const auto [models, families] = library.count_files();
    return fmt::format("{}: {} models, {} families", library.folder().string(), models, families);
  } catch (const UserError& error) {
    return fmt::format("none: {}", error.diagnostics().front().message);
  } catch (const SystemError& error) {
    return fmt::format("none: {}", error.what());
  }
}

std::string cuda_facts() {
  std::string why;
  try {
    const auto backend = open_backend(BackendChoice::kAuto, &why);
    return why.empty() ? backend->machine() : "none: " + why;
  } catch (const SystemError& error) {
    return fmt::format("none: {}", error.what());
  }
}

}  // namespace

BuildFacts build_facts() {
  BuildFacts facts = installed_facts();
  facts.cuda = cuda_facts();
  return facts;
}

BuildFacts installed_facts() {
  const auto module = find_cuda_module();
  return {TENON_VERSION,
          TENON_COMMIT,
          compiler_name(),
          part_versions(),
          library_facts(),
          module.empty() ? "none: there is no CUDA module beside the program"
                         : fmt::format("{} (`tenon doctor` tries it)", module.string())};
}

}  // namespace tenon
