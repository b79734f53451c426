#include "report/conversion_report.h"

#include <catch2/catch.hpp>

#include "report/batch_report.h"

using namespace tenon;

namespace {

BatchReport three_jobs() {
  using State = JobReport::State;
  const ConversionReport done{"in/a",    "out/a", Layout::kFused, {"mixtral"}, 20, 7,      2,  3'000'000,
                              3'000'000, 1.5,     true,           3'000'100,   0,  "xxh3", {}, {}};
  return {"jobs.yaml",
          {{"a", "in/a", "out/a", State::kDone, 1.5, "", done},
           {"b", "in/b", "out/b", State::kFailed, 0.5, "in/b: error: no such folder\n  Look.\n", {}},
           {"c", "in/c", "out/c", State::kNotRun, 0, "", {}}}};
}

}  // namespace

TEST_CASE("a conversion sums up in one line") {
  CHECK(conversion_text(three_jobs().jobs[0].conversion) ==
        "out/a: 7 tensors (fused layout) from 20, 3.00 MB in 2 shards, 1.50 s, 2.00 MB/s, verified from "
        "disk\n");
  CHECK(conversion_json(three_jobs().jobs[0].conversion)["bytes_per_second"] == 2'000'000);
  ConversionReport resumed = three_jobs().jobs[0].conversion;
  resumed.bytes_written = 1'500'000;
  resumed.bytes_read_from_memory = 1'000'000;
  CHECK(conversion_text(resumed) ==
        "out/a: 7 tensors (fused layout) from 20, 3.00 MB in 2 shards, 1.50 MB of it now, 1.50 s, 1.00 MB/s, "
        "verified (1.00 MB of it from memory)\n");
  resumed.bytes_read_from_memory = resumed.bytes_read_back;
  CHECK(conversion_text(resumed).ends_with(", verified from memory\n"));
}

TEST_CASE("a conversion that did not verify says what differs, and that nothing was made") {
  ConversionReport report = three_jobs().jobs[0].conversion;
  report.findings = {"element 3 of 'w' is 0x01; the source has 0x02"};
  CHECK(conversion_text(report) ==
        "element 3 of 'w' is 0x01; the source has 0x02\n"
        "out/a: not made: what was written differs from the source in 1 tensor\n");
  CHECK(conversion_json(report)["verified"] == false);
}

TEST_CASE("a batch sums up as text, JSON and JUnit") {
  const BatchReport report = three_jobs();
  CHECK(batch_text(report) ==
        "job  result      size  seconds  destination or error\n"
        "a    done     3.00 MB     1.50  out/a\n"
        "b    failed               0.50  in/b: error: no such folder\n"
        "c    not run                    out/c\n"
        "\n"
        "1 of 3 jobs done, 1 failed, 1 not run; 3.00 MB in 2.00 s\n");
  BatchReport again = report;
  again.interrupted = true;
  again.jobs[0].state = JobReport::State::kDoneBefore;
  again.jobs[1].state = JobReport::State::kInterrupted;
  CHECK(batch_text(again).ends_with(
      "0 of 3 jobs done, 1 done before, 1 interrupted, 0 failed, 1 not run; 0 B in 2.00 s\n"));
  CHECK(batch_junit(again).find("not run: the batch was stopped") != std::string::npos);
  const auto json = batch_json(report);
  CHECK(json["failed"] == 1);
  CHECK(json["jobs"][1]["error"] == "in/b: error: no such folder\n  Look.\n");
  CHECK(json["jobs"][0]["conversion"]["verified"] == true);
  const std::string xml = batch_junit(report);
  CHECK(xml.find("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"") != std::string::npos);
  CHECK(xml.find("<failure message=\"in/b: error: no such folder\">") != std::string::npos);
}
