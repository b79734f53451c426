// Loops over lanes are compiled for the processors that most have, besides the oldest, and the right one is
// chosen when the program starts. Every operation is rounded by itself in each, so the results are the same.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TENON_LANE_CLONES __attribute__((flatten, target_clones("avx2", "default")))
#else
#define TENON_LANE_CLONES __attribute__((flatten))
#endif
