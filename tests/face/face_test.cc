// The installed interface, used as a program of somebody else's uses it: include/tenon/ alone is in sight.

#include <tenon/tenon.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("tenon-face." + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

void make_checkpoint(const fs::path& folder) {
  const std::string command = "python3 '" TENON_SOURCE_ROOT "/tools/make-checkpoint' '" + folder.string() +
                              "' --model mixtral --shard-size 200kB >/dev/null";
  REQUIRE(std::system(command.c_str()) == 0);
}

class Listener : public tenon::Observer {
 public:
  std::vector<tenon::Diagnostic> notes;
  std::vector<std::string> stages;
  bool stop = false;
  bool fail = false;
  void note(const tenon::Diagnostic& diagnostic) override { notes.push_back(diagnostic); }
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total) override {
    CHECK(done <= total);
    stages.emplace_back(stage);
    if (fail) throw std::runtime_error("the listener has had enough");
  }
  bool stopped() const override { return stop; }
};

}  // namespace

TEST_CASE("face: plan, convert, verify, diff, and back") {
  const Folder folder;
  make_checkpoint(folder / "moe");
  Listener listener;

  const auto source = tenon::Checkpoint::open(folder / "moe");
  CHECK(source.tensors().size() == 65);
  CHECK(source.total_bytes() == 707200);
  CHECK(source.config().find("mixtral") != std::string::npos);

  const auto plan = tenon::Plan::make(folder / "moe", {}, listener);
  CHECK(plan.outputs().size() == 21);
  CHECK(plan.fates().size() == 65);
  CHECK(plan.to() == tenon::Layout::kFused);

  tenon::ConvertOptions options;
  options.verify = true;
  options.max_shard_size = "300kB";
  const auto done = tenon::convert(folder / "moe", folder / "fused", options, listener);
  CHECK(done.verified);
  CHECK(done.findings.empty());
  CHECK(done.shards == 4);
  CHECK(done.output_tensors == 21);
  CHECK_FALSE(listener.stages.empty());
  CHECK_FALSE(done.timings.empty());
  CHECK(done.json.find("\"warnings\"") != std::string::npos);

  // What a plan reads is what a conversion writes, for every tensor.
  const auto fused = tenon::Checkpoint::open(folder / "fused");
  for (const auto& tensor : plan.outputs()) {
    INFO(tensor.key);
    CHECK(plan.read(tensor.key) == fused.read(tensor.key));
  }

  CHECK(tenon::verify(folder / "fused").holds);
  tenon::ConvertOptions back;
  back.to = tenon::Layout::kOriginal;
  tenon::convert(folder / "fused", folder / "back", back);
  const auto same = tenon::diff(folder / "moe", folder / "back");
  CHECK(same.same);
  CHECK(same.bytes_compared == 707200);
  const auto other = tenon::diff(folder / "moe", folder / "fused");
  CHECK_FALSE(other.same);
  CHECK_FALSE(other.only_in_b.empty());

  const auto why = plan.explain("model.layers.0.block_sparse_moe.experts.3.w1.weight");
  CHECK(why.results == std::vector<std::string>{"model.layers.0.mlp.experts.gate_up_proj"});
  const auto made = plan.explain("model.layers.0.mlp.experts.gate_up_proj");
  CHECK(made.made_of.size() == 16);
}

TEST_CASE("face: mistakes carry what the program prints, with ids") {
  const Folder folder;
  make_checkpoint(folder / "moe");
  try {
    tenon::Plan::make(folder / "nowhere");
    FAIL("nothing was thrown");
  } catch (const tenon::UserError& error) {
    REQUIRE_FALSE(error.diagnostics().empty());
    const auto& first = error.diagnostics().front();
    CHECK(first.severity == tenon::Severity::kError);
    CHECK_FALSE(first.id.empty());
    CHECK(first.text.find("error[" + first.id + "]") != std::string::npos);
    CHECK_FALSE(tenon::explain(first.id).empty());
  }
  tenon::ConvertOptions options;
  options.max_shard_size = "five";
  CHECK_THROWS_AS(tenon::convert(folder / "moe", folder / "out", options), tenon::UserError);
  CHECK_FALSE(fs::exists(folder / "out"));
  CHECK_THROWS_AS(tenon::Plan::make(folder / "moe").read("no.such.tensor"), tenon::UserError);
  CHECK_THROWS_AS(tenon::Checkpoint::open(folder / "moe").read("no.such.tensor"), tenon::UserError);
  CHECK_THROWS_AS(tenon::explain("no-such-id"), tenon::UserError);
}

TEST_CASE("face: options by name are those of the struct") {
  tenon::ConvertOptions options;
  set(options, "max_shard_size", "10GB");
  set(options, "fuse", "qkv");
  set(options, "fuse", "gate_up");
  set(options, "verify", "true");
  set(options, "hash", "sha256");
  set(options, "to", "original");
  set(options, "threads", "3");
  CHECK(options.max_shard_size == "10GB");
  CHECK(options.fuse == std::vector<std::string>{"qkv", "gate_up"});
  CHECK(options.verify);
  CHECK(options.hash == tenon::HashKind::kSha256);
  CHECK(options.to == tenon::Layout::kOriginal);
  CHECK(options.threads == 3);
  CHECK(options.sync);
  set(options, "sync", "false");
  CHECK_FALSE(options.sync);
  for (const auto& [name, value] :
       {std::pair("no_such", "1"), std::pair("threads", "-1"), std::pair("hash", "md5"),
        std::pair("max_shard_size", "five"), std::pair("side_files", "some")}) {
    INFO(name);
    CHECK_THROWS_AS(set(options, name, value), tenon::UserError);
  }
}

TEST_CASE("face: who listens may stop a task, by word or by an exception") {
  const Folder folder;
  make_checkpoint(folder / "moe");
  Listener stopping;
  stopping.stop = true;
  CHECK_THROWS_AS(tenon::convert(folder / "moe", folder / "out", {}, stopping), tenon::Interrupted);
  Listener failing;
  failing.fail = true;
  CHECK_THROWS_WITH(tenon::convert(folder / "moe", folder / "out", {}, failing),
                    "the listener has had enough");
  CHECK_FALSE(fs::exists(folder / "out"));
  tenon::ConvertOptions again;
  again.resume = true;
  CHECK(tenon::convert(folder / "moe", folder / "out", again).output_tensors == 21);
}

TEST_CASE("face: two conversions at a time") {
  const Folder folder;
  make_checkpoint(folder / "moe");
  const auto run = [&](const char* name) { tenon::convert(folder / "moe", folder / name); };
  std::thread one(run, "one");
  std::thread two(run, "two");
  one.join();
  two.join();
  CHECK(tenon::diff(folder / "one", folder / "two").same);
}

TEST_CASE("face: rules, lint, scaffold, parity, batch") {
  const Folder folder;
  make_checkpoint(folder / "moe");
  const auto library = tenon::rule_library();
  CHECK(library.models.size() > 100);
  CHECK_FALSE(library.families.empty());
  const auto lint = tenon::lint({"mixtral"});
  CHECK(lint.files == 1);
  CHECK_FALSE(lint.fails);
  CHECK_THROWS_AS(tenon::lint({"mixtrl"}), tenon::UserError);
  fs::create_directories(folder / "empty");
  CHECK_THROWS_AS(tenon::lint({(folder / "empty").string()}), tenon::UserError);

  tenon::convert(folder / "moe", folder / "fused");
  CHECK(tenon::scaffold(folder / "moe", folder / "fused", "mine").rule_file.find("name: mine") !=
        std::string::npos);

  tenon::ParityOptions few;
  few.tokens = 4;
  few.backend = "cpu";
  const auto parity = tenon::parity(folder / "moe", folder / "fused", few);
  CHECK(parity.holds);
  CHECK(parity.modules.size() == 2);
  CHECK(parity.html.starts_with("<!"));

  std::ofstream(folder / "jobs.yaml") << "jobs:\n  - source: moe\n    destination: by-batch\n";
  const auto batch = tenon::batch(folder / "jobs.yaml");
  CHECK(batch.holds);
  CHECK(batch.jobs.at(0).result == "done");
  CHECK(tenon::batch(folder / "jobs.yaml").jobs.at(0).result == "done before");

  const auto facts = tenon::build_facts();
  CHECK(facts.version == tenon::version());
  CHECK(facts.rules.find("models") != std::string::npos);
}
