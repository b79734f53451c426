// A conversion through the library alone, as a program that is not tenon makes it: linked are the tasks and
// what is before them, there is no console. What comes out is what the command writes and says.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "../unit/temporary_folder.h"
#include "base/observer.h"
#include "tasks/convert.h"
#include "tasks/diff.h"
#include "tasks/verify.h"

using namespace tenon;
namespace fs = std::filesystem;

namespace {

// Writes down all that it is told, and stops when `stop_at` bytes of "converting" are done.
class Listener : public Observer {
 public:
  std::vector<Diagnostic> notes;
  struct Step {
    std::string stage;
    std::uint64_t done;
    std::uint64_t total;
  };
  std::vector<Step> steps;
  std::uint64_t stop_at = ~std::uint64_t{0};

  using Observer::note;
  void note(const Diagnostic& diagnostic) override { notes.push_back(diagnostic); }
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total) override {
    steps.push_back({std::string(stage), done, total});
    if (stage == "converting" && done >= stop_at) stop_ = true;
  }
  bool stopped() const override { return stop_; }

  // As the console shows it.
  std::string text() const {
    std::string out;
    for (const Diagnostic& note : notes) out += render(note, false);
    return out;
  }

 private:
  std::atomic<bool> stop_ = false;
};

// What is written to standard output and standard error while one lives.
class Printed {
 public:
  explicit Printed(const fs::path& file) : path_(file) {
    std::fflush(nullptr);
    file_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    out_ = ::dup(1);
    err_ = ::dup(2);
    ::dup2(file_, 1);
    ::dup2(file_, 2);
  }
  ~Printed() {
    std::fflush(nullptr);
    ::dup2(out_, 1);
    ::dup2(err_, 2);
    for (const int descriptor : {file_, out_, err_}) ::close(descriptor);
  }
  Printed(const Printed&) = delete;
  Printed& operator=(const Printed&) = delete;

  std::uintmax_t bytes() const {
    std::fflush(nullptr);
    return fs::file_size(path_);
  }

 private:
  fs::path path_;
  int file_ = -1;
  int out_ = -1;
  int err_ = -1;
};

std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
  }
  return files;
}

// The command, as a person would run it beside this program.
struct Ran {
  int status = 0;
  std::string errors;
};
Ran run_command(const std::string& arguments, const fs::path& folder) {
  const char* tenon = std::getenv("TENON");
  REQUIRE(tenon != nullptr);
  const std::string command = fmt::format("cd '{}' && '{}' {}  >stdout-of-command 2>stderr-of-command",
                                          folder.string(), tenon, arguments);
  const int status = std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe)
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder / "stderr-of-command")};
}

// A checkpoint of four experts in two layers, and one that lacks an expert.
struct Scene {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source";
  const Library library = Library::standard();

  Scene() {
    const char* make = TENON_SOURCE_ROOT "/tools/make-checkpoint";
    const std::string command =
        fmt::format("python3 '{}' '{}' --model mixtral --shard-size 200kB >/dev/null", make, source.string());
    REQUIRE(std::system(command.c_str()) == 0);  // NOLINT(concurrency-mt-unsafe)
  }

  Options options(const std::string& destination) const {
    Options options;
    options.source = source.string();
    options.destination = (folder.path() / destination).string();
    options.max_shard_size = parse_byte_size("300kB");
    options.verify = true;
    options.threads = 2;
    return options;
  }
};

constexpr const char* kSameOptions = "--max-shard-size 300kB --verify --threads 2";

}  // namespace

TEST_CASE("library: a conversion gives the command's bytes, and prints nothing") {
  const Scene scene;
  Listener listener;
  ConversionReport report;
  {
    const Printed printed(scene.folder.path() / "printed");
    report = convert(scene.options("by-library"), scene.library, listener);
    CHECK(printed.bytes() == 0);
  }
  const Ran ran = run_command(fmt::format("convert source by-command {}", kSameOptions), scene.folder.path());
  REQUIRE(ran.status == 0);
  const auto by_library = files_below(scene.folder.path() / "by-library");
  CHECK(by_library == files_below(scene.folder.path() / "by-command"));
  CHECK(by_library.contains("tenon-manifest.json"));
  CHECK(listener.text() == ran.errors);
  CHECK(report.findings.empty());
  CHECK(report.shards > 1);
  CHECK(report.bytes == report.bytes_written);

  const auto has_step = [&](const char* name) {
    return std::any_of(report.timings.begin(), report.timings.end(),
                       [&](const StepTime& time) { return time.step == name && time.seconds >= 0; });
  };
  for (const char* step : {"open", "choose", "plan", "claim", "take up", "write", "compare", "side files",
                           "manifest", "publish"}) {
    INFO(step);
    CHECK(has_step(step));
  }
}

TEST_CASE("library: progress of each stage rises and ends at its total") {
  const Scene scene;
  Listener listener;
  const ConversionReport report = convert(scene.options("out"), scene.library, listener);
  std::map<std::string, Listener::Step> last;
  for (const auto& step : listener.steps) {
    if (last.contains(step.stage)) CHECK(last[step.stage].done <= step.done);
    CHECK(step.done <= step.total);
    last[step.stage] = step;
  }
  REQUIRE(last.contains("converting"));
  REQUIRE(last.contains("verifying"));
  CHECK(last["converting"].total == report.bytes);
  for (const auto& [stage, step] : last) CHECK(step.done == step.total);
}

TEST_CASE("library: an observer that stops it leaves nothing, and says so") {
  const Scene scene;
  Listener listener;
  listener.stop_at = 0;
  Options request = scene.options("out");
  CHECK_THROWS_AS(convert(request, scene.library, listener), Interrupted);
  CHECK_FALSE(fs::exists(request.destination));
}

TEST_CASE("library: mistakes are those of the command") {
  const Scene scene;
  Options request = scene.options("out");
  request.destination = request.source + "/inside";
  Listener listener;
  std::string said;
  try {
    convert(request, scene.library, listener);
  } catch (const UserError& error) {
    said = error.what();
  }
  const Ran ran =
      run_command(fmt::format("convert '{}' '{}' {}", request.source, request.destination, kSameOptions),
                  scene.folder.path());
  CHECK(ran.status == 2);
  CHECK_FALSE(said.empty());
  CHECK(listener.text() + said == ran.errors);
}

TEST_CASE("library: verify and diff find what the command finds") {
  const Scene scene;
  Listener listener;
  convert(scene.options("out"), scene.library, listener);
  const fs::path out = scene.folder.path() / "out";
  Options against;
  against.folder = out.string();
  against.against = scene.source.string();
  CHECK(verify(against, listener).findings.empty());
  fs::path shard;
  for (const auto& entry : fs::directory_iterator(out)) {
    if (entry.path().extension() == ".safetensors") shard = entry.path();
  }
  std::string bytes = read_file(shard);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::ofstream(shard, std::ios::binary) << bytes;
  const VerifyReport report = verify(against, listener);
  CHECK(report.findings.size() == 2);  // by its hash, and against the source
  CHECK_FALSE(report.only_beside);
  CHECK(run_command("verify out --against source", scene.folder.path()).status == 1);
  Options same_twice;
  same_twice.source = same_twice.other = scene.source.string();
  const DiffReport same = diff(same_twice, listener);
  CHECK(same.same());
  CHECK(same.bytes_compared > 0);
}
