// The options of each task: those of the program, by the same names with underscores. Written by
// tools/write-generated out of src/options/option_table.inc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenon/version.h"

namespace tenon {
TENON_INLINE namespace v0 {

/// Which side of a rule list a checkpoint is on: as its publisher ships it, or as an optimised model
/// wants it.
enum class Layout { kOriginal, kFused };

/// Which hashes of tensors are made. kSha256 is both, and that of the shards as well.
enum class HashKind { kNone, kXxh3, kSha256 };

/// Of convert().
struct ConvertOptions {
  /// The layout to convert to: fused (default) or original
  Layout to = Layout::kFused;
  /// auto (default: found by config.json), a name of the library, or a rule file
  std::vector<std::string> rules;
  /// A fusion family to apply as well
  std::vector<std::string> fuse;
  /// A rule library of your own, before the one that came with tenon; several: A:B
  std::string rules_dir;
  /// A checkpoint in the source's layout: tensors that the source lacks are taken from there
  std::string fill_from;
  /// The source is in the fused layout of these rules; it goes on to that of --rules and --fuse
  std::vector<std::string> from_rules;
  /// The model that a part goes into, by rules with insert or back by such with extract
  std::string into;
  /// The base model of an adapter: its folder, or its model type
  std::string base;
  /// Largest shard to write (default 5GB; a one-file checkpoint stays one file)
  std::string max_shard_size;
  /// To original without a manifest: also invert this PrefixChange, named as plan names it
  std::vector<std::string> assume_used;
  /// original or fused: the layout that square tensors are in, where shapes cannot tell
  std::vector<std::string> assume_layout;
  /// Accept a conversion whose way back does not give the source
  bool one_way = false;
  /// Leave tensors where they are though the weight that they belong to is taken
  bool allow_left_behind = false;
  /// Convert what is there though config.json counts more layers
  bool allow_missing_layers = false;
  /// Hash of every tensor: xxh3 (default), sha256 (both, and of the shards) or none
  HashKind hash = HashKind::kXxh3;
  /// model (default), or all: a trainer's state too
  std::string side_files = "model";
  /// use (default), or ignore: shards are found by their names, and checked to be whole
  std::string index = "use";
  /// Read links that lead out of the folder
  bool follow_links = false;
  /// Read again what was written and compare with the source
  bool verify = false;
  /// Go on with what an interrupted run finished
  bool resume = false;
  /// Replace DST, once the new one is complete
  bool overwrite = false;
  /// With --overwrite: keep the files of DST that no conversion made
  bool keep_extra = false;
  /// Off: do not wait for the disk: faster, not safe from power loss
  bool sync = true;
  /// Decode coded weights, and cast the rest, to bf16, fp16 or fp32
  std::string dtype;
  /// Of --dtype: tensors that keep their dtype
  std::vector<std::string> keep;
  /// Keep the codes of these weights beside their numbers, for the way back
  std::vector<std::string> keep_codes;
  /// Accept numbers that come back within this part of themselves: 2^-8, 0.004
  std::string within;
  /// Code the weights of linear layers: fp8-block, fp8-channel, mxfp4, nvfp4, int4-g128, packed
  std::string quantize;
  /// Of --quantize: modules that stay as they are
  std::vector<std::string> ignore;
  /// How many threads (default, and 0: as many as the machine has)
  int threads = 0;
};

/// Of Plan::make().
struct PlanOptions {
  /// The layout to convert to: fused (default) or original
  Layout to = Layout::kFused;
  /// auto (default: found by config.json), a name of the library, or a rule file
  std::vector<std::string> rules;
  /// A fusion family to apply as well
  std::vector<std::string> fuse;
  /// A rule library of your own, before the one that came with tenon; several: A:B
  std::string rules_dir;
  /// A checkpoint in the source's layout: tensors that the source lacks are taken from there
  std::string fill_from;
  /// The source is in the fused layout of these rules; it goes on to that of --rules and --fuse
  std::vector<std::string> from_rules;
  /// The model that a part goes into, by rules with insert or back by such with extract
  std::string into;
  /// The base model of an adapter: its folder, or its model type
  std::string base;
  /// Largest shard to write (default 5GB; a one-file checkpoint stays one file)
  std::string max_shard_size;
  /// To original without a manifest: also invert this PrefixChange, named as plan names it
  std::vector<std::string> assume_used;
  /// original or fused: the layout that square tensors are in, where shapes cannot tell
  std::vector<std::string> assume_layout;
  /// Accept a conversion whose way back does not give the source
  bool one_way = false;
  /// Leave tensors where they are though the weight that they belong to is taken
  bool allow_left_behind = false;
  /// Convert what is there though config.json counts more layers
  bool allow_missing_layers = false;
  /// model (default), or all: a trainer's state too
  std::string side_files = "model";
  /// use (default), or ignore: shards are found by their names, and checked to be whole
  std::string index = "use";
  /// Read links that lead out of the folder
  bool follow_links = false;
  /// Decode coded weights, and cast the rest, to bf16, fp16 or fp32
  std::string dtype;
  /// Of --dtype: tensors that keep their dtype
  std::vector<std::string> keep;
  /// Keep the codes of these weights beside their numbers, for the way back
  std::vector<std::string> keep_codes;
  /// Accept numbers that come back within this part of themselves: 2^-8, 0.004
  std::string within;
  /// Code the weights of linear layers: fp8-block, fp8-channel, mxfp4, nvfp4, int4-g128, packed
  std::string quantize;
  /// Of --quantize: modules that stay as they are
  std::vector<std::string> ignore;
};

/// Of Checkpoint::open().
struct InspectOptions {
  /// use (default), or ignore: shards are found by their names, and checked to be whole
  std::string index = "use";
  /// Read links that lead out of the folder
  bool follow_links = false;
};

/// Of diff().
struct DiffOptions {
  /// A rule library of your own, before the one that came with tenon; several: A:B
  std::string rules_dir;
  /// Compare no bytes
  bool headers = false;
  /// Of each tensor that differs: how many elements do, and by how much at most
  bool statistics = false;
  /// Compare B with what A becomes by these rules (auto: A's own) or families
  std::vector<std::string> through;
  /// How many threads (default, and 0: as many as the machine has)
  int threads = 0;
};

/// Of verify().
struct VerifyOptions {
  /// auto (default: found by config.json), a name of the library, or a rule file
  std::vector<std::string> rules;
  /// A fusion family to apply as well
  std::vector<std::string> fuse;
  /// A rule library of your own, before the one that came with tenon; several: A:B
  std::string rules_dir;
  /// A checkpoint in the source's layout: tensors that the source lacks are taken from there
  std::string fill_from;
  /// The source is in the fused layout of these rules; it goes on to that of --rules and --fuse
  std::vector<std::string> from_rules;
  /// The model that a part goes into, by rules with insert or back by such with extract
  std::string into;
  /// To original without a manifest: also invert this PrefixChange, named as plan names it
  std::vector<std::string> assume_used;
  /// original or fused: the layout that square tensors are in, where shapes cannot tell
  std::vector<std::string> assume_layout;
  /// Read links that lead out of the folder
  bool follow_links = false;
  /// The checkpoint that it was made from
  std::string against;
  /// Leave out the files beside the shards: config, tokenizer, index, code
  bool tensors_only = false;
  /// Keep the codes of these weights beside their numbers, for the way back
  std::vector<std::string> keep_codes;
  /// How many threads (default, and 0: as many as the machine has)
  int threads = 0;
};

/// Of parity().
struct ParityOptions {
  /// auto (default: found by config.json), a name of the library, or a rule file
  std::vector<std::string> rules;
  /// A fusion family to apply as well
  std::vector<std::string> fuse;
  /// A rule library of your own, before the one that came with tenon; several: A:B
  std::string rules_dir;
  /// A checkpoint in the source's layout: tensors that the source lacks are taken from there
  std::string fill_from;
  /// To original without a manifest: also invert this PrefixChange, named as plan names it
  std::vector<std::string> assume_used;
  /// original or fused: the layout that square tensors are in, where shapes cannot tell
  std::vector<std::string> assume_layout;
  /// auto (default: cuda where there is a GPU and the CUDA module), cpu or cuda
  std::string backend = "auto";
  /// bf16, fp16 or fp32 (default: as the weights are)
  std::string dtype;
  /// all (default), layers and ranges: 0-3,7
  std::string layers = "all";
  /// Tokens of input (default 16)
  std::int64_t tokens = 16;
  /// Of the inputs (default 0)
  std::uint64_t seed = 0;
  /// A module's path in the fused layout: it and those below it alone
  std::string module;
  /// A safetensors file of the modules' inputs by name, in place of seeded ones
  std::string inputs;
};

/// Of lint().
struct LintOptions {
  /// A rule library of your own, before the one that came with tenon; several: A:B
  std::string rules_dir;
  /// A checkpoint that the rules are for
  std::string against;
  /// Warnings count: status 1
  bool strict = false;
};

/// Of batch().
struct BatchOptions {
  /// A rule library of your own, before the one that came with tenon; several: A:B
  std::string rules_dir;
  /// Plan every job and write nothing
  bool dry_run = false;
  /// Run this job alone
  std::vector<std::string> only;
  /// Jobs at a time (default 1); they share the threads and the memory of one
  int jobs = 1;
  /// Stop at the first job that fails
  bool fail_fast = false;
};

/// Of rule_library().
struct RulesListOptions {
  /// A rule library of your own, before the one that came with tenon; several: A:B
  std::string rules_dir;
};

/// Sets an option by its name, as a text; a list gets one element more. Throws UserError where there is
/// no such option or the text is no value of it.
void set(ConvertOptions& options, const std::string& name, const std::string& value);
void set(PlanOptions& options, const std::string& name, const std::string& value);
void set(InspectOptions& options, const std::string& name, const std::string& value);
void set(DiffOptions& options, const std::string& name, const std::string& value);
void set(VerifyOptions& options, const std::string& name, const std::string& value);
void set(ParityOptions& options, const std::string& name, const std::string& value);
void set(LintOptions& options, const std::string& name, const std::string& value);
void set(BatchOptions& options, const std::string& name, const std::string& value);
void set(RulesListOptions& options, const std::string& name, const std::string& value);

}  // namespace v0
}  // namespace tenon
