#include "output/claim.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>

#include "failing_calls.h"
#include "temporary_folder.h"

using namespace tenon;

namespace fs = std::filesystem;

namespace {

// A folder `src` with a checkpoint in it, and room for destinations beside it.
struct Scene {
  TemporaryFolder folder;
  Checkpoint source;
  fs::path destination = folder / "dst";
  fs::path work = folder / ".dst.tenon-work";

  Scene() {
    write_shard(folder / "src/model.safetensors", {"w"});
    write_file(folder / "src/config.json", "{\"a\": 1}");
    write_file(folder / "src/sub/code.py", "code");
    fs::create_symlink("sub/code.py", folder / "src/link.py");
    source = open_checkpoint(folder / "src");
  }

  void convert(const Options& options, const std::string& bytes = "new") const {
    Claim staged(destination, source, options);
    write_file(staged.folder() / "model.safetensors", bytes);
    staged.publish();
  }

  // A run that finished shard s1 and was then interrupted.
  void leave_finished_shard() const {
    Claim staged(destination, source, {});
    staged.begin({"0.1.0", "p1", {}, {}, {}});
    write_file(staged.folder() / "s1", "finished");
    write_file(staged.folder() / "s2", "half");
    staged.finished({"s1", {{"w", {"h", ""}}}, {}});
  }

  std::string message_of(const fs::path& where, const Options& options) const {
    return message_of([&] { const Claim staged(where, source, options); });
  }

  std::string message_of(const std::function<void()>& step) const {
    std::string out;
    try {
      step();
    } catch (const UserError& error) {
      out = error.what();
    } catch (const SystemError& error) {
      out = error.what();
    }
    for (std::size_t at = 0; (at = out.find(folder.path().string(), at)) != std::string::npos;) {
      out.replace(at, folder.path().string().size(), "DIR");
    }
    return out;
  }
};

std::string notes_of(Claim& staged) {
  std::string out;
  for (const auto& note : staged.take_notes()) out += note.message + "\n";
  return out;
}

const Options kOverwrite{.overwrite = true};
const Options kResume{.resume = true};

}  // namespace

TEST_CASE("the destination appears when everything is written, and not before") {
  const Scene scene;
  for (const bool sync : {true, false}) {
    Claim staged(scene.destination, scene.source, {.sync = sync});
    CHECK(staged.take_notes().empty());
    staged.require_space(1000);
    CHECK(staged.begin({"0.1.0", "p1", {}, {}, {}}).empty());
    write_file(staged.folder() / "s1", "bytes");
    staged.finished({"s1", {}, {}});
    staged.output().copy_side_files(scene.source, {});
    staged.output().write_text("tenon-manifest.json", "{}");
    CHECK_FALSE(fs::exists(scene.destination));
    staged.publish();
    CHECK(read_file(scene.destination / "s1") == "bytes");
    CHECK(read_file(scene.destination / "config.json") == "{\"a\": 1}");
    CHECK(read_file(scene.destination / "sub/code.py") == "code");
    CHECK(read_file(scene.destination / "link.py") == "code");
    CHECK_FALSE(fs::is_symlink(scene.destination / "link.py"));
    CHECK(read_file(scene.destination / "tenon-manifest.json") == "{}");
    CHECK_FALSE(fs::exists(scene.destination / "model.safetensors"));
    CHECK_FALSE(fs::exists(scene.work));
    fs::remove_all(scene.destination);
  }
}

TEST_CASE("an edited config replaces the source's") {
  const Scene scene;
  Claim staged(scene.destination, scene.source, {});
  staged.output().copy_side_files(scene.source, {{"config.json", "{}"}});
  staged.publish();
  CHECK(read_file(scene.destination / "config.json") == "{}");
}

TEST_CASE("a run that fails leaves nothing") {
  const Scene scene;
  {
    Claim staged(scene.destination, scene.source, {});
    staged.begin({});
    write_file(staged.folder() / "s1", "half");
    CHECK(fs::exists(scene.work));
  }
  CHECK_FALSE(fs::exists(scene.work));
  CHECK_FALSE(fs::exists(scene.destination));
}

TEST_CASE("where the destination may not be") {
  const Scene scene;
  const auto dir = scene.folder.path();
  CHECK(scene.message_of(dir / "src", kOverwrite).find("is the source, or lies inside it") !=
        std::string::npos);
  CHECK(scene.message_of(dir / "src/new", {}).find("is the source, or lies inside it") != std::string::npos);
  CHECK(scene.message_of(dir / "src/sub/../new", {}).find("lies inside it") != std::string::npos);
  fs::create_directory_symlink("src/sub", dir / "link");
  CHECK(scene.message_of(dir / "link/new", {}).find("lies inside it") != std::string::npos);
  CHECK(scene.message_of(dir, kOverwrite).find("the destination holds the source") != std::string::npos);
  CHECK(scene.message_of(dir / "src/absent/new", {}).find("lies inside it") != std::string::npos);
  CHECK_FALSE(fs::exists(dir / "src/absent"));
  CHECK(scene.message_of("/", {}).find("error") != std::string::npos);
  CHECK(scene.message_of("", {}).find("the destination has no name") != std::string::npos);
  write_file(dir / "file", "");
  CHECK(scene.message_of(dir / "file", kOverwrite).find("the destination is a file") != std::string::npos);
  fs::create_symlink("nothing", dir / "dangling");
  CHECK(scene.message_of(dir / "dangling", {}).find("a link to nothing") != std::string::npos);
  CHECK_FALSE(fs::exists(dir / "nothing"));
}

TEST_CASE("beside a source that is one file there may be a destination") {
  Scene scene;
  scene.source = open_checkpoint(scene.folder / "src/model.safetensors");
  CHECK(scene.message_of(scene.folder / "src/new", {}).empty());
  CHECK(scene.message_of(scene.folder / "src", kOverwrite).find("the destination holds the source") !=
        std::string::npos);
}

TEST_CASE("an existing destination is replaced only when asked, and only a checkpoint's folder") {
  const Scene scene;
  fs::create_directory(scene.destination);
  CHECK(scene.message_of(scene.destination, {}).empty());  // empty: as good as absent
  write_file(scene.destination / "thesis.tex", "years of work");
  CHECK(scene.message_of(scene.destination, {}) ==
        "DIR/dst: error[output-exists]: the destination exists\n"
        "  With --overwrite (in a batch file: overwrite: true) it is replaced, once the new one is "
        "complete.\n");
  CHECK(scene.message_of(scene.destination, kOverwrite).find("is no checkpoint's folder, and not replaced") !=
        std::string::npos);
  write_file(scene.destination / "model.safetensors", "old");
  scene.convert(kOverwrite);
  CHECK(read_file(scene.destination / "model.safetensors") == "new");
  CHECK_FALSE(fs::exists(scene.destination / "thesis.tex"));
  CHECK_FALSE(fs::exists(scene.work));
}

TEST_CASE("a destination that is a link to a folder is replaced where the link leads") {
  const Scene scene;
  write_file(scene.folder / "real/model.safetensors", "old");
  fs::create_directory_symlink("real", scene.destination);
  scene.convert(kOverwrite);
  CHECK(fs::is_symlink(scene.destination));
  CHECK(read_file(scene.folder / "real/model.safetensors") == "new");
}

TEST_CASE("the old destination stays until the new one is complete") {
  const Scene scene;
  write_file(scene.destination / "model.safetensors", "old");
  {
    Claim staged(scene.destination, scene.source, kOverwrite);
    write_file(staged.folder() / "model.safetensors", "new");
    CHECK(read_file(scene.destination / "model.safetensors") == "old");
  }
  CHECK(read_file(scene.destination / "model.safetensors") == "old");
}

TEST_CASE("a second run says so and stops") {
  const Scene scene;
  const Claim first(scene.destination, scene.source, {});
  CHECK(scene.message_of(scene.destination, {}) ==
        "DIR/dst: error[output-busy]: another run is writing to it (process " + std::to_string(::getpid()) +
            ")\n");
  CHECK(fs::exists(first.folder()));
}

TEST_CASE("a folder in the way that is not tenon's is left alone") {
  const Scene scene;
  write_file(scene.work / "diary.txt", "");
  CHECK(scene.message_of(scene.destination, {}).find("is not tenon's") != std::string::npos);
  CHECK(fs::exists(scene.work / "diary.txt"));
  fs::remove_all(scene.work);
  fs::create_directory_symlink(scene.folder / "src", scene.work);
  CHECK(scene.message_of(scene.destination, {}).find("is not tenon's") != std::string::npos);
  CHECK(fs::exists(scene.folder / "src/model.safetensors"));
}

TEST_CASE("what a killed run left without a finished shard is cleaned up") {
  const Scene scene;
  write_file(scene.work / "tenon.lock", "");
  write_file(scene.work / "output/s1", "half");
  write_file(scene.work / "journal", "torn");
  scene.convert({});
  CHECK_FALSE(fs::exists(scene.destination / "s1"));
  CHECK_FALSE(fs::exists(scene.work));
}

TEST_CASE("finished shards of an interrupted run stay, and are gone on with only when asked") {
  const Scene scene;
  scene.leave_finished_shard();
  CHECK(scene.message_of(scene.destination, {}) ==
        "DIR/dst: error[journal-unfinished]: an interrupted run has finished 1 of its shards\n"
        "  Go on with --resume, or remove DIR/.dst.tenon-work to start again.\n");
  Claim staged(scene.destination, scene.source, kResume);
  const auto finished = staged.begin({"0.1.0", "p1", {}, {}, {}});
  REQUIRE(finished.size() == 1);
  CHECK(finished[0].outputs.at("w").xxh3 == "h");
  CHECK(read_file(staged.folder() / "s1") == "finished");
  CHECK_FALSE(fs::exists(staged.folder() / "s2"));
  staged.publish();
  CHECK(read_file(scene.destination / "s1") == "finished");
  CHECK_FALSE(fs::exists(scene.work));
}

TEST_CASE("resuming something else is refused, naming what differs, and loses nothing") {
  const Scene scene;
  scene.leave_finished_shard();
  CHECK(scene.message_of([&] {
    Claim staged(scene.destination, scene.source, kResume);
    staged.require_same({"0.1.0", "p1", {{"--hash", "sha256"}}, {}, {}});
  }) == "DIR/dst: error[journal-differs]: cannot resume: the option --hash (now sha256) differs\n"
        "DIR/.dst.tenon-work: note[journal-differs]: holds what the interrupted run finished; remove it to "
        "start again\n");
  CHECK(read_file(scene.work / "output/s1") == "finished");
}

TEST_CASE("with nothing to resume a run starts from the first shard and says so") {
  const Scene scene;
  Claim staged(scene.destination, scene.source, kResume);
  CHECK(notes_of(staged) == "no interrupted run has finished a shard; starting from the first\n");
}

TEST_CASE("a run that was killed after its rename is recognised as finished") {
  const Scene scene;
  write_file(scene.destination / "model.safetensors", "new");
  struct stat info {};
  REQUIRE(::lstat(scene.destination.c_str(), &info) == 0);
  const std::string identity = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  write_file(scene.work / "tenon.lock", "process 1\noutput " + identity + "\n");
  write_file(scene.work / "journal", "{}");
  write_file(scene.work / "output/model.safetensors", "old");
  CHECK(scene.message_of(scene.destination, {}).find("the destination exists") != std::string::npos);
  CHECK_FALSE(fs::exists(scene.work));
  CHECK(read_file(scene.destination / "model.safetensors") == "new");
}

TEST_CASE("a destination that a killed run had put aside comes back") {
  const Scene scene;
  write_file(scene.work / "tenon.lock", "process 1\noutput 0:0\n");
  write_file(scene.work / "old/model.safetensors", "old");
  CHECK(scene.message_of(scene.destination, {}).find("the destination exists") != std::string::npos);
  CHECK(read_file(scene.destination / "model.safetensors") == "old");
}

TEST_CASE("a former destination that was put aside is never removed for another that stands there now") {
  const Scene scene;
  write_file(scene.work / "tenon.lock", "process 1\noutput 0:0\n");
  write_file(scene.work / "old/model.safetensors", "old");
  write_file(scene.destination / "model.safetensors", "another");
  CHECK(scene.message_of(scene.destination, kOverwrite).find("holds the former destination") !=
        std::string::npos);
  CHECK(read_file(scene.work / "old/model.safetensors") == "old");
  CHECK(read_file(scene.destination / "model.safetensors") == "another");
}

TEST_CASE("files that a killed run had begun to move go back, others in the destination stay") {
  const Scene scene;
  using namespace std::string_literals;
  write_file(scene.work / "tenon.lock", "process 1\noutput 0:0\n");
  write_file(scene.work / "moving", "model.safetensors\0config.json\0"s);
  write_file(scene.work / "output/config.json", "{}");
  write_file(scene.destination / "model.safetensors", "moved");
  write_file(scene.destination / "notes.txt", "the user's");
  CHECK(scene.message_of(scene.destination, {}).find("the destination exists") != std::string::npos);
  CHECK_FALSE(fs::exists(scene.destination / "model.safetensors"));
  CHECK(read_file(scene.destination / "notes.txt") == "the user's");
}

TEST_CASE("a source that changed makes finished shards worthless") {
  const Scene scene;
  {
    Claim staged(scene.destination, scene.source, {});
    staged.begin({"0.1.0", "p1", {}, {}, {}});
    staged.finished({"s1", {}, {}});
    CHECK(staged.what_stays(3).starts_with("1 of 3 shards are complete and kept in "));
    staged.discard();
    CHECK(staged.what_stays(3) == "nothing is left of what was begun");
  }
  CHECK_FALSE(fs::exists(scene.work));
}

TEST_CASE("without a swap the old destination is put aside first, and comes back on failure") {
  const Scene scene;
  write_file(scene.destination / "model.safetensors", "old");
  {
    const FailingCalls calls({.swap_error = EINVAL});
    Claim staged(scene.destination, scene.source, kOverwrite);
    write_file(staged.folder() / "model.safetensors", "new");
    staged.publish();
    CHECK(notes_of(staged).find("replaced in two steps") != std::string::npos);
  }
  CHECK(read_file(scene.destination / "model.safetensors") == "new");
  const FailingCalls calls({.swap_error = EINVAL, .rename_folder_error = EIO});
  CHECK(scene.message_of([&] { scene.convert(kOverwrite, "newer"); }).find("cannot put aside DIR/dst") == 0);
  CHECK(read_file(scene.destination / "model.safetensors") == "new");
  CHECK_FALSE(fs::exists(scene.work));
}

TEST_CASE("without a rename of folders files move one by one, and it is said") {
  const Scene scene;
  const FailingCalls calls({.rename_folder_error = EOPNOTSUPP});
  Claim staged(scene.destination, scene.source, {});
  staged.output().copy_side_files(scene.source, {});
  staged.publish();
  CHECK(notes_of(staged).find("moved one by one") != std::string::npos);
  CHECK(read_file(scene.destination / "sub/code.py") == "code");
  CHECK_FALSE(fs::exists(scene.work));
}

TEST_CASE("a failed rename or sync leaves the destination as it was") {
  const Scene scene;
  {
    const FailingCalls calls({.rename_folder_error = EIO});
    CHECK(scene.message_of([&] { scene.convert({}); }).find("cannot create DIR/dst: Input/output error") ==
          0);
  }
  {
    const FailingCalls calls({.fsync_error = EIO});
    CHECK(scene.message_of([&] { scene.convert({}); }).find("cannot sync DIR/.dst.tenon-work/output") == 0);
  }
  CHECK_FALSE(fs::exists(scene.destination));
  CHECK_FALSE(fs::exists(scene.work));
}

TEST_CASE("a file system that cannot lock is used, with a note") {
  const Scene scene;
  const FailingCalls calls({.flock_error = ENOLCK});
  Claim staged(scene.destination, scene.source, {});
  CHECK(notes_of(staged).find("cannot lock files") != std::string::npos);
}

TEST_CASE("too little space is found before anything is written") {
  const Scene scene;
  const Claim staged(scene.destination, scene.source, {});
  const std::string message = scene.message_of([&] { staged.require_space(1ULL << 60); });
  CHECK(message.find("cannot write DIR/dst: No space left on device\n  It takes 1.15 EB, and ") == 0);
}

TEST_CASE("the work folder's name fits whatever the destination's") {
  const fs::path destination = "/x/" + std::string(255, 'a');
  CHECK(WorkFolder::path_for(destination).filename().string().size() == 255);
  CHECK(WorkFolder::path_for(destination) != WorkFolder::path_for("/x/" + std::string(254, 'a') + "b"));
}
