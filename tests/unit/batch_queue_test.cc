// What waits for what: order, what is not run, and what happens at once.
#include "tasks/batch_queue.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tasks/batch_order.h"

using namespace tenon;

namespace {

// The order in which items are begun, one or more at a time; `bad` are not good.
std::vector<std::size_t> order_of(const std::vector<std::vector<std::size_t>>& needs, std::size_t at_once = 1,
                                  const std::vector<std::size_t>& bad = {}) {
  BatchQueue queue(needs);
  std::mutex mutex;
  std::vector<std::size_t> begun;
  queue.run(at_once, [&](std::size_t item) {
    const std::lock_guard lock(mutex);
    begun.push_back(item);
    return std::count(bad.begin(), bad.end(), item) == 0;
  });
  return begun;
}

BatchJob job(std::string name, std::string source, std::string destination,
             std::vector<std::string> needs = {}) {
  BatchJob out;
  out.name = std::move(name);
  out.options.source = std::move(source);
  out.options.destination = std::move(destination);
  out.needs = std::move(needs);
  return out;
}

}  // namespace

TEST_CASE("items are begun in order, but for those that wait") {
  CHECK(order_of({{}, {}, {}}) == std::vector<std::size_t>{0, 1, 2});
  CHECK(order_of({{2}, {}, {1}, {}}) == std::vector<std::size_t>{1, 2, 0, 3});
  const auto begun = order_of({{3}, {0}, {1}, {}}, 4);
  CHECK(begun == std::vector<std::size_t>{3, 0, 1, 2});
}

TEST_CASE("what waits for a bad item is not run, nor what waits for that") {
  CHECK(order_of({{}, {0}, {1}, {}}, 1, {0}) == std::vector<std::size_t>{0, 3});
  BatchQueue queue({{}, {0}, {1}, {}});
  queue.end(0, false);
  std::vector<std::size_t> begun;
  queue.run(1, [&](std::size_t item) {
    begun.push_back(item);
    return true;
  });
  CHECK(begun == std::vector<std::size_t>{3});
  CHECK(queue.waited_in_vain(1) == 0);
  CHECK(queue.waited_in_vain(2) == 1);
  CHECK(!queue.waited_in_vain(3));
}

TEST_CASE("several items run at once, and no more than were asked for") {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  BatchQueue queue(std::vector<std::vector<std::size_t>>(6));
  queue.run(3, [&](std::size_t) {
    const int running = ++now;
    for (int seen = most; running > seen && !most.compare_exchange_weak(seen, running);) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    --now;
    return true;
  });
  CHECK(most > 1);
  CHECK(most <= 3);
}

TEST_CASE("what an item throws comes out, and nothing is begun behind it") {
  BatchQueue queue(std::vector<std::vector<std::size_t>>(3));
  int begun = 0;
  const auto run = [&] {
    queue.run(1, [&](std::size_t) -> bool {
      ++begun;
      throw std::runtime_error("a bug");
    });
  };
  CHECK_THROWS_WITH(run(), "a bug");
  CHECK(begun == 1);
}

TEST_CASE("a job waits for what makes a folder that it reads, however that is written") {
  Diagnostics none;
  const auto needs = batch_order({job("back", "out/../fused/a/", "back"), job("there", "a", "./fused/a"),
                                  job("last", "b", "c", {"back", "there"})},
                                 none);
  CHECK(!none.has_errors());
  CHECK(needs == std::vector<std::vector<std::size_t>>{{1}, {}, {0, 1}});
  Diagnostics circle;
  batch_order({job("a", "x", "y"), job("b", "y", "x"), job("c", "z", "w")}, circle);
  REQUIRE(circle.all().size() == 1);
  CHECK(circle.all().front().message == "these jobs wait for each other: a and b");
}
