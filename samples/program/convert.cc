// A program that uses tenon as a library: plans a conversion, shows what it would write, looks into one
// tensor that does not exist yet, converts with progress, and says everything that is wrong where something
// is.
//
//   c++ -std=c++20 convert.cc $(pkg-config --cflags --libs tenon) -o convert
//   ./convert Mixtral-8x7B Mixtral-8x7B-fused

#include <tenon/tenon.h>

#include <cstdio>
#include <string_view>

namespace {

class Shown : public tenon::Observer {
 public:
  void note(const tenon::Diagnostic& diagnostic) override { std::fputs(diagnostic.text.c_str(), stderr); }
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total) override {
    if (done == total) std::printf("%.*s: %llu bytes\n", int(stage.size()), stage.data(), 0ULL + total);
  }
};

int convert(const char* source, const char* destination) {
  Shown shown;
  const auto plan = tenon::Plan::make(source, {}, shown);
  const auto& first = plan.outputs().front();
  std::printf("%zu tensors, plan %s\n", plan.outputs().size(), plan.hash().c_str());
  std::printf("%s %s: %zu bytes, not written yet\n", first.key.c_str(), first.dtype.c_str(),
              plan.read(first.key).size());

  tenon::ConvertOptions options;
  options.verify = true;
  options.max_shard_size = "5GB";
  const auto done = tenon::convert(source, destination, options, shown);
  std::fputs(done.text.c_str(), stdout);
  return done.findings.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: convert SRC DST\n");
    return 2;
  }
  try {
    return convert(argv[1], argv[2]);
  } catch (const tenon::UserError& error) {
    std::fputs(error.what(), stderr);
    for (const auto& diagnostic : error.diagnostics())
      std::fprintf(stderr, "%s", tenon::explain(diagnostic.id).c_str());
    return 2;
  } catch (const tenon::SystemError& error) {
    std::fprintf(stderr, "%s (%s)\n", error.what(), error.id().c_str());
    return 3;
  }
}
