// A plan in bytes: what the engine works on. Elements and dtypes are gone; what is left are tensors in files
// and the runs of bytes between them. Swapping its two sides gives the inverse, by which a conversion is
// verified. What recipes compute has no such inverse: it is computed again (engine/verify_computed.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/computed_piece.h"
#include "engine/copy_loops.h"
#include "engine/region.h"
#include "plan/plan.h"

namespace tenon {

/// A strided copy out of source tensor `source`.
struct BytePiece {
  std::uint32_t source = 0;
  Box box;
};

/// A tensor to be filled.
struct Target {
  Region region;
  /// by rising target offset
  std::vector<BytePiece> pieces;
  /// reach[i]: one past the last byte that pieces 0..i fill
  std::vector<std::uint64_t> reach;
  // what no piece fills: nothing, zeros, or bytes that do not count
  enum class Rest { kNone, kZeros, kAnything };
  Rest rest = Rest::kNone;
  // what recipes fill, as pieces and reach
  std::vector<ComputedPiece> computed = {};
  std::vector<std::uint64_t> computed_reach = {};
};

struct Transfer {
  std::vector<Region> sources;
  std::vector<Target> targets;
};

/// A piece of an output in bytes, or nothing where it copies nothing. Throws UserError where elements of less
/// than a byte do not move in whole bytes.
std::optional<Box> lower(const Piece& piece, const PlannedTensor& output);

/// The transfer that fills the plan's outputs (targets, parallel to Plan::outputs, files are Plan::shards)
/// out of the checkpoint's tensors (sources, parallel to Checkpoint::tensors). Throws as lower()
/// does, and std::logic_error where a piece leaves its tensors.
Transfer make_transfer(const Plan& plan, const Checkpoint& source);

/// Takes out of a plan's transfer, and returns, the copies of sources of which one element is read twice: an
/// inverse would show one of the two (engine/verify_repeated.h).
Transfer take_repeated(const Plan& plan, Transfer& transfer);

/// The transfer that goes back: sources and targets swapped. Sources that were not read have no pieces.
Transfer invert(const Transfer& transfer);

/// Says of the inverse's targets what stands where the plan cuts something off.
void mark_cut_off(const Plan& plan, Transfer& inverse);

/// The same where recipes read, too, what copies read in part.
void mark_computed(const Transfer& transfer, Transfer& inverse);

std::vector<Region> regions_of(const std::vector<Target>& targets);
Region region_of(const Tensor& tensor);
std::uint64_t total_bytes(const std::vector<Region>& regions);

/// One past the last target byte that a box fills.
std::uint64_t end_of(const Box& box);

/// Calls `use` with the parts of a box that fill target bytes begin..end, by rising offset. The box handed
/// over is only good during the call.
void clip(const Box& box, std::uint64_t begin, std::uint64_t end, const std::function<void(const Box&)>& use);

/// The pieces of a target that may fill bytes begin..end, as [first, last).
std::pair<std::size_t, std::size_t> pieces_within(const Target& target, std::uint64_t begin,
                                                  std::uint64_t end);

}  // namespace tenon
