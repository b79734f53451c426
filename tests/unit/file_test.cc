#include "checkpoint/file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "base/diagnostics.h"
#include "failing_calls.h"
#include "temporary_folder.h"

using namespace tenon;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

TEST_CASE("an output file has its size at once and takes writes in any order") {
  const TemporaryFolder folder;
  write_file(folder / "f", "what was there before, and longer");
  {
    const OutputFile file(folder / "f", 6);
    CHECK(file.preallocated());
    file.write(3, bytes_of("def"));
    file.write(0, bytes_of("abc"));
    file.sync();
  }
  CHECK(read_file(folder / "f") == "abcdef");
}

TEST_CASE("an output file's mode follows the umask") {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  { const OutputFile file(folder / "f", 1); }
  ::umask(before);
  struct stat info {};
  REQUIRE(::stat((folder / "f").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
}

TEST_CASE("short writes and interrupted calls are gone on with") {
  const TemporaryFolder folder;
  const FailingCalls calls({.pwrite_at_most = 2, .interrupt_every = 2});
  const OutputFile file(folder / "f", 7);
  file.write(0, bytes_of("abcdefg"));
  file.sync();
  CHECK(read_file(folder / "f") == "abcdefg");
}

TEST_CASE("a file system that cannot reserve space still gives a file of the size") {
  const TemporaryFolder folder;
  const FailingCalls calls({.fallocate_error = EOPNOTSUPP});
  const OutputFile file(folder / "f", 1000);
  CHECK_FALSE(file.preallocated());
  CHECK(std::filesystem::file_size(folder / "f") == 1000);
}

TEST_CASE("a full disk is an error that names the file and what it takes") {
  const TemporaryFolder folder;
  const FailingCalls calls({.fallocate_error = ENOSPC});
  try {
    const OutputFile file(folder / "f", 5'000'000'000);
    FAIL("was created");
  } catch (const SystemError& error) {
    CHECK(error.error_number() == ENOSPC);
    CHECK(error.what() == "cannot reserve space for " + (folder / "f").string() +
                              ": No space left on device\n  It takes 5.00 GB.");
  }
}

TEST_CASE("a text file is read within its limit") {
  const TemporaryFolder folder;
  write_file(folder / "f", "12345");
  CHECK(read_text_file(folder / "f", 5) == "12345");
  CHECK_THROWS_AS(read_text_file(folder / "f", 4), UserError);
  CHECK_THROWS_AS(read_text_file(folder.path(), 4), UserError);
  CHECK_THROWS_AS(read_text_file(folder / "absent", 4), SystemError);
}

TEST_CASE("reading behind the end is an error") {
  const TemporaryFolder folder;
  write_file(folder / "f", "12345");
  std::string buffer(6, ' ');
  CHECK_THROWS_WITH(read_at(open_for_reading(folder / "f"), "f", 0, buffer),
                    Catch::Contains("It became shorter while it was being read."));
}

TEST_CASE("copies follow links, appended text goes to the end") {
  const TemporaryFolder folder;
  const std::string text(3'000'000, 'x');
  write_file(folder / "f", text);
  std::filesystem::create_symlink("f", folder / "link");
  copy_file(folder / "link", folder / "copy", true);
  CHECK_FALSE(std::filesystem::is_symlink(folder / "copy"));
  CHECK(read_file(folder / "copy") == text);
  append_to_file(folder / "new", "a", true);
  append_to_file(folder / "new", "b", false);
  CHECK(read_file(folder / "new") == "ab");
}

TEST_CASE("waiting for the disk can be given up between two slices") {
  const TemporaryFolder folder;
  const OutputFile file(folder / "f", 200 << 20);
  // Says stop when it is asked for the `last`th time.
  struct Asked : Observer {
    explicit Asked(int last) : left(last) {}
    mutable int left;
    bool stopped() const override { return --left == 0; }
  };
  const Asked patient(5);
  file.sync(patient);
  CHECK(patient.left == 1);
  const Asked impatient(2);
  CHECK_THROWS_AS(file.sync(impatient), Interrupted);
  CHECK(impatient.left == 0);
}
