// Times the fused operations against the sequences they replace, in production mode, and prints a Markdown
// table. Usage: time_kernels path/to/libtenon_cuda.so [bf16|f16|f32]. Each figure is the median of 15
// event-timed batches after a warm-up, the operations taking turns; weights rotate among sets that together
// exceed the L2 cache several times; data are random.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace {

const tenon_cuda_table* api;
tenon_context* context;
int dtype = TENON_BF16;
constexpr int kRounds = 15;

void must(int status) {
  if (status == TENON_OK) return;
  std::fprintf(stderr, "%s\n", api->message(context));
  std::exit(3);
}

// Random values of about unit size times `scale`, made from one host block repeated with a shift.
tenon_tensor tensor(std::vector<int64_t> shape, double scale = 1) {
  static std::mt19937 generator(3);
  static std::normal_distribution<double> normal;
  tenon_tensor made{nullptr, dtype, static_cast<int>(shape.size()), {}};
  size_t n = 1;
  for (size_t i = 0; i < shape.size(); ++i) n *= made.shape[i] = shape[i];
  size_t size = dtype == TENON_F32 ? 4 : 2, block = std::min<size_t>(n, (1 << 20) + 7);
  must(api->alloc(context, n * size, &made.data));
  std::vector<double> values(block);
  for (double& value : values) value = scale * normal(generator);
  tenon_tensor wide{nullptr, TENON_F64, 1, {static_cast<int64_t>(block)}};
  must(api->alloc(context, block * 8, &wide.data));
  must(api->upload(context, wide.data, values.data(), block * 8));
  for (size_t at = 0; at < n; at += block) {
    int64_t part = static_cast<int64_t>(std::min(block, n - at));
    wide.shape[0] = part;
    tenon_cast_args args{wide, {static_cast<char*>(made.data) + at * size, dtype, 1, {part}}};
    must(api->cast(context, TENON_PRODUCTION, &args));
  }
  must(api->release(context, wide.data));
  return made;
}

using Body = std::function<void(int)>;

// Median milliseconds of one call of each body(set); `sets` sets rotate. The bodies take turns, so that all
// of them meet the same clocks: under load the GPU lowers its own.
std::vector<double> time(int sets, const std::vector<Body>& bodies) {
  tenon_event *start, *stop;
  must(api->event_create(context, &start));
  must(api->event_create(context, &stop));
  auto batch = [&](const Body& body, int calls) {
    float milliseconds;
    must(api->event_record(context, start));
    for (int i = 0; i < calls; ++i) body(i % sets);
    must(api->event_record(context, stop));
    must(api->elapsed(context, start, stop, &milliseconds));
    return milliseconds / static_cast<float>(calls);
  };
  std::vector<std::vector<double>> times(bodies.size());
  for (int round = -1; round < kRounds; ++round)
    for (size_t i = 0; i < bodies.size(); ++i) {
      double once = round < 0 ? batch(bodies[i], 2 * sets) : times[i].front();
      int calls = sets * std::clamp(static_cast<int>(4 / (once * sets)), 1, 20);
      times[i].push_back(round < 0 ? once : batch(bodies[i], calls));
    }
  must(api->event_release(context, start));
  must(api->event_release(context, stop));
  std::vector<double> medians;
  for (auto& list : times) {
    std::sort(list.begin() + 1, list.end());  // the first is the warm-up's
    medians.push_back(list[1 + kRounds / 2]);
  }
  return medians;
}

double time(int sets, const Body& body) {
  return time(sets, std::vector<Body>{body}).front();
}

template <class Args>
void run(int (*entry)(tenon_context*, int, const Args*), const Args& args) {
  must(entry(context, TENON_PRODUCTION, &args));
}

struct Mlp {
  tenon_tensor gate, up, gate_up, down, norm;
};

void time_mlps(int64_t hidden, int64_t inner) {
  constexpr int kSets = 2;
  Mlp sets[kSets];
  for (Mlp& set : sets)
    set = {tensor({inner, hidden}, 0.02), tensor({inner, hidden}, 0.02), tensor({2 * inner, hidden}, 0.02),
           tensor({hidden, inner}, 0.02), tensor({hidden})};
  std::printf("\n### MLP, hidden %ld, intermediate %ld\n\n", static_cast<long>(hidden),
              static_cast<long>(inner));
  std::printf(
      "| tokens | unfused MLP us | gated_mlp us | ratio | norm + unfused us | rms_norm_mlp us | ratio | "
      "gate, up, act_mul us | fused gate_up us | "
      "cuBLASLt gate_up us | cuBLASLt gate_up, act_mul_halves us | fused TFLOP/s | cuBLASLt TFLOP/s | rate | "
      "fused GB/s |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (int64_t tokens : {1, 2, 4, 8, 16, 17, 32, 64, 128, 256, 512, 1024, 2048, 4096}) {
    tenon_tensor x = tensor({tokens, hidden}), normal = tensor({tokens, hidden}),
                 out = tensor({tokens, hidden});
    tenon_tensor gate = tensor({tokens, inner}), up = tensor({tokens, inner}),
                 both = tensor({tokens, 2 * inner});
    // The gate_up product nearly alone: an MLP whose down projection is 8 rows wide; its time is left in.
    tenon_tensor narrow = tensor({8, inner}), narrow_out = tensor({tokens, 8});
    auto linear = [&](const tenon_tensor& in, const tenon_tensor& weight, const tenon_tensor& to) {
      run(api->linear, {in, weight, {}, to, 0, 0});
    };
    auto halves = [&](const tenon_tensor& in, int i) {
      linear(in, sets[i].gate, gate);
      linear(in, sets[i].up, up);
      run(api->act_mul, {gate, up, gate, TENON_SILU});
    };
    std::vector<Body> bodies = {
        [&](int i) {
          halves(x, i);
          linear(gate, sets[i].down, out);
        },
        [&](int i) {
          run(api->gated_mlp, {x, sets[i].gate_up, {}, sets[i].down, {}, out, TENON_SILU, 0});
        },
        [&](int i) {
          run(api->rms_norm, {x, sets[i].norm, {}, normal, 1e-6, 0});
          halves(normal, i);
          linear(gate, sets[i].down, out);
        },
        [&](int i) {
          run(api->rms_norm_mlp,
              {{x, sets[i].gate_up, {}, sets[i].down, {}, out, TENON_SILU, 0}, sets[i].norm, 1e-6, 0});
        },
        [&](int i) { halves(x, i); },
        [&](int i) {
          run(api->gated_mlp, {x, sets[i].gate_up, {}, narrow, {}, narrow_out, TENON_SILU, 0});
        },
        [&](int i) { linear(x, sets[i].gate_up, both); },
        [&](int i) {
          linear(x, sets[i].gate_up, both);
          run(api->act_mul_halves, {both, gate, TENON_SILU, 0});
        },
    };
    std::vector<double> ms = time(kSets, bodies);
    double unfused = ms[0], fused = ms[1], norm_unfused = ms[2], norm_fused = ms[3], separate = ms[4],
           gate_up = ms[5], library = ms[6], library_act = ms[7];
    double flops = 4e-9 * static_cast<double>(tokens * hidden * inner),
           bytes = 4e-6 * static_cast<double>(hidden * inner);
    std::printf(
        "| %ld | %.1f | %.1f | %.2f | %.1f | %.1f | %.2f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f | "
        "%.0f |\n",
        static_cast<long>(tokens), unfused * 1e3, fused * 1e3, unfused / fused, norm_unfused * 1e3,
        norm_fused * 1e3, norm_unfused / norm_fused, separate * 1e3, gate_up * 1e3, library * 1e3,
        library_act * 1e3, flops / gate_up, flops / library, library / gate_up,
        bytes / gate_up * (dtype == TENON_F32 ? 2 : 1));
    std::fflush(stdout);
    for (const tenon_tensor& used : {x, normal, out, gate, up, both, narrow, narrow_out})
      must(api->release(context, used.data));
  }
}

void time_experts(int64_t hidden, int64_t inner, int64_t count, int64_t chosen) {
  tenon_tensor gate_up = tensor({count, 2 * inner, hidden}, 0.02),
               down = tensor({count, hidden, inner}, 0.02);
  std::vector<tenon_tensor> gates, ups, downs;
  size_t size = dtype == TENON_F32 ? 4 : 2;
  for (int64_t e = 0; e < count; ++e) {
    char* first = static_cast<char*>(gate_up.data) + e * 2 * inner * hidden * size;
    gates.push_back({first, dtype, 2, {inner, hidden}});
    ups.push_back({first + inner * hidden * size, dtype, 2, {inner, hidden}});
    downs.push_back({static_cast<char*>(down.data) + e * inner * hidden * size, dtype, 2, {hidden, inner}});
  }
  std::printf(
      "\n### %ld experts, %ld chosen, hidden %ld, intermediate %ld\n\n| tokens | loop us | grouped us | "
      "ratio | grouped TFLOP/s |\n|---|---|---|---|---|\n",
      static_cast<long>(count), static_cast<long>(chosen), static_cast<long>(hidden),
      static_cast<long>(inner));
  for (int64_t tokens : {1, 16, 256, 4096}) {
    tenon_tensor x = tensor({tokens, hidden}), out = tensor({tokens, hidden}),
                 logits = tensor({tokens, count}), weights = tensor({tokens, chosen});
    tenon_tensor indices{nullptr, TENON_I32, 2, {tokens, chosen}};
    must(api->alloc(context, tokens * chosen * 4, &indices.data));
    run(api->route, {logits, {}, indices, weights, TENON_SOFTMAX, 1, 0, 0, 0, 1});
    double loop = time(1, [&](int) {
      run(api->experts, {x, indices, weights, out, gates.data(), ups.data(), downs.data(),
                         static_cast<int32_t>(count), TENON_SILU});
    });
    double grouped = time(1, [&](int) {
      run(api->grouped_experts, {x, indices, weights, gate_up, down, out, TENON_SILU, 0, 0});
    });
    std::printf("| %ld | %.1f | %.1f | %.2f | %.1f |\n", static_cast<long>(tokens), loop * 1e3, grouped * 1e3,
                loop / grouped, 6e-9 * static_cast<double>(tokens * chosen * hidden * inner) / grouped);
    for (const tenon_tensor& used : {x, out, logits, weights, indices})
      must(api->release(context, used.data));
  }
  for (const tenon_tensor& used : {gate_up, down}) must(api->release(context, used.data));
}

void time_others() {
  std::printf("\n### Others\n\n| operation | us | rate |\n|---|---|---|\n");
  for (int64_t tokens : {257, 4096}) {
    tenon_tensor q = tensor({tokens, 32, 128}), k = tensor({tokens, 8, 128}), v = tensor({tokens, 8, 128}),
                 out = tensor({tokens, 32, 128});
    double ms = time(1, [&](int) { run(api->attention, {q, k, v, out, 0.088, 1, 0, 0}); });
    std::printf("| causal attention, %ld tokens, 32/8 heads of 128 | %.1f | %.1f TFLOP/s |\n",
                static_cast<long>(tokens), ms * 1e3,
                2e-9 * static_cast<double>(tokens * tokens * 32 * 128) / ms);
  }
  tenon_tensor x = tensor({4096, 4096}), norm = tensor({4096}), y = tensor({4096, 4096});
  double ms = time(1, [&](int) { run(api->rms_norm, {x, norm, {}, y, 1e-6, 0}); });
  std::printf("| rms_norm 4096 x 4096 | %.1f | %.0f GB/s |\n", ms * 1e3,
              2.0 * 4096 * 4096 * (dtype == TENON_F32 ? 4 : 2) * 1e-6 / ms);
  tenon_tensor image = tensor({8, 3, 2, 448, 448}), kernel = tensor({1280, 3, 2, 14, 14}), flat = kernel,
               patches = tensor({8192, 1280});
  flat.rank = 2, flat.shape[1] = 1176;
  double direct = time(1, [&](int) { run(api->conv, {image, kernel, {}, patches, {2, 14, 14}, {}, 1, 0}); });
  double fused = time(1, [&](int) { run(api->patch_linear, {image, flat, {}, patches, {2, 14, 14}}); });
  std::printf("| patch embedding, 8192 patches of 3 x 2 x 14 x 14 to 1280, direct | %.1f | %.1f TFLOP/s |\n",
              direct * 1e3, 2e-9 * 8192 * 1176 * 1280 / direct);
  std::printf("| the same as a linear | %.1f | %.1f TFLOP/s |\n", fused * 1e3,
              2e-9 * 8192 * 1176 * 1280 / fused);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s libtenon_cuda.so [bf16|f16|f32]\n", argv[0]);
    return 2;
  }
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  auto entry =
      library ? reinterpret_cast<tenon_cuda_api_function>(dlsym(library, "tenon_cuda_api")) : nullptr;
  api = entry ? entry(TENON_CUDA_ABI) : nullptr;
  char message[512] = "";
  if (!api || api->open(0, &context, message, sizeof message) != TENON_OK) {
    std::fprintf(stderr, "%s\n", api ? message : dlerror());
    return 77;
  }
  if (argc > 2)
    dtype = !std::strcmp(argv[2], "f16") ? TENON_F16 : !std::strcmp(argv[2], "f32") ? TENON_F32 : TENON_BF16;
  std::printf("\n## %s\n", dtype == TENON_BF16 ? "BF16" : dtype == TENON_F16 ? "FP16" : "FP32");
  time_mlps(4096, 14336);
  time_experts(2048, 768, 128, 8);
  time_others();
  api->close(context);
}
