// What the engine's copy loops make of a module's tensors against a plain walk over the view's elements.
#include "parity/tensor_bytes.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>
#include <random>

#include "../element_walk.h"
#include "tensor/view_operations.h"

using namespace tenon;

namespace {

using Random = std::mt19937;

std::int64_t below(Random& random, std::int64_t n) {
  return static_cast<std::int64_t>(random() % static_cast<unsigned>(n));
}

// A chain of operations on tensors of up to 70 by 70 by 3, so that whole tiles are turned, and parts of them.
View random_view(Random& random, DType dtype) {
  const Shape shape = {1 + below(random, 70), 1 + below(random, 70), 1 + below(random, 3)};
  View view = identity_view(0, dtype, shape);
  for (std::uint32_t i = 1; i < 5; ++i) {
    const auto dim = static_cast<std::size_t>(below(random, static_cast<std::int64_t>(view.shape.size())));
    std::vector<std::size_t> order(view.shape.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    switch (below(random, 4)) {
      case 0:
        std::shuffle(order.begin(), order.end(), random);
        view = permute(view, order);
        break;
      case 1:
        view = concatenate({identity_view(i, dtype, view.shape), view}, dim);
        break;
      case 2:
        if (view.shape.size() < 4) view = stack({view, identity_view(i, dtype, view.shape)}, dim);
        break;
      default:
        if (view.shape[dim] % 2 == 0) view = regroup(view, dim, 2, view.shape[dim] / 2);
    }
  }
  return view;
}

// Random bytes for every source, as many as the view takes from it.
SourceBytes sources_for(Random& random, const View& view) {
  std::map<std::uint32_t, std::int64_t> elements;
  for (const auto& piece : view.pieces) {
    for_each_element(piece, [&](std::int64_t from, std::int64_t) {
      elements[piece.source] = std::max(elements[piece.source], from + 1);
    });
  }
  SourceBytes out;
  for (const auto& [source, count] : elements) {
    Bytes bytes(static_cast<std::size_t>(count * bits_of(view.dtype) / 8));
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    out[source] = std::make_shared<const Bytes>(std::move(bytes));
  }
  return out;
}

Bytes walked(const PlannedTensor& output, const SourceBytes& sources) {
  const auto size = static_cast<std::size_t>(bits_of(output.view.dtype) / 8);
  Bytes out(output.bytes);
  for (const auto& piece : output.view.pieces) {
    for_each_element(piece, [&](std::int64_t from, std::int64_t to) {
      std::memcpy(out.data() + static_cast<std::size_t>(to) * size,
                  sources.at(piece.source)->data() + static_cast<std::size_t>(from) * size, size);
    });
  }
  return out;
}

PlannedTensor planned(View view) {
  PlannedTensor out;
  out.bytes = byte_size(view.dtype, view.shape).value();
  out.view = std::move(view);
  return out;
}

}  // namespace

TEST_CASE("weights: what the copy loops gather is what a walk over the elements finds") {
  Random random(11);
  for (int round = 0; round < 120; ++round) {
    const DType dtype = std::array{DType::kBF16, DType::kF32, DType::kF64, DType::kU8}[random() % 4];
    const PlannedTensor output = planned(random_view(random, dtype));
    const SourceBytes sources = sources_for(random, output.view);
    const Bytes made = gather(output, sources);
    CAPTURE(round);
    REQUIRE(made == walked(output, sources));
    REQUIRE(gathered(output.view, sources, made));
  }
}

TEST_CASE("weights: a single byte that stands elsewhere is seen, and the way back restores the source") {
  const PlannedTensor output = planned(permute(identity_view(0, DType::kBF16, {70, 90}), {1, 0}));
  Random random(5);
  const SourceBytes sources = sources_for(random, output.view);
  Bytes made = gather(output, sources);
  Bytes back(made.size());
  scatter(cut_pieces(output.view), 2, made, back);
  CHECK(back == *sources.at(0));
  made[4321] ^= std::byte{1};
  CHECK_FALSE(gathered(output.view, sources, made));
}
