// tenon: model checkpoints between the layout that their publisher ships and the fused one, and back, byte
// for byte. One header for all; each part can be included alone.
//
// A PROGRAM
//
//   #include <tenon/tenon.h>
//   #include <cstdio>
//
//   int main() {
//     try {
//       const auto done = tenon::convert("Mixtral-8x7B", "Mixtral-8x7B-fused");
//       std::puts(done.text.c_str());
//     } catch (const tenon::UserError& error) {
//       std::fputs(error.what(), stderr);      // every mistake, each with its place and what to do
//     }
//   }
//
//   c++ -std=c++20 program.cc $(pkg-config --cflags --libs tenon)
//
// The library prints nothing, reads no environment variable but TENON_RULES and TENON_CUDA_MODULE, and needs
// no other header than its own and the standard library's.
//
// PLANS
//
// A plan says what would be written, and is proven before a byte is: every tensor of the source is accounted
// for, and the inverse of the rules gives the source back. It reads headers only:
//
//   const auto plan = tenon::Plan::make("Mixtral-8x7B");
//   for (const auto& tensor : plan.outputs()) std::puts(tensor.key.c_str());
//
// A tensor of the plan can be had without writing anything, so that a loader converts while it loads:
//
//   const std::vector<std::byte> bytes = plan.read("model.layers.0.mlp.experts.gate_up_proj");
//
// OPTIONS
//
// tenon/options.h has a struct for each task; its members are the program's options by the same names:
//
//   tenon::ConvertOptions options;
//   options.fuse = {"qkv", "gate_up"};        // --fuse qkv --fuse gate_up
//   options.verify = true;                    // --verify
//   options.max_shard_size = "10GB";
//   tenon::convert("Llama-3-8B", "out", options);
//
// set(options, "max_shard_size", "10GB") does the same by name, as a batch file does.
//
// ERRORS
//
// UserError (the input is wrong) carries diagnostics() with stable ids; SystemError (the machine failed) has
// an id, a path and errno; Interrupted says that the observer stopped it. Whatever is thrown, the destination
// is complete or as it was.
//
// PROGRESS, AND STOPPING
//
//   class Shown : public tenon::Observer {
//     void progress(std::string_view stage, std::uint64_t done, std::uint64_t total) override { ... }
//     bool stopped() const override { return user_pressed_cancel; }
//   };
//   Shown shown;
//   tenon::convert("Mixtral-8x7B", "out", {}, shown);
//
// THREADS
//
// Functions may be called from several threads at once, on different destinations. Plan and Checkpoint are
// immutable: one may be used from many threads. Work is spread by oneTBB over `threads` threads, all cores by
// default; the bytes written do not depend on it.
#pragma once

// IWYU pragma: begin_exports
#include "tenon/checkpoint.h"
#include "tenon/convert.h"
#include "tenon/error.h"
#include "tenon/observer.h"
#include "tenon/options.h"
#include "tenon/parity.h"
#include "tenon/plan.h"
#include "tenon/rules.h"
#include "tenon/verify.h"
#include "tenon/version.h"
// IWYU pragma: end_exports
