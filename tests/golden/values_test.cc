// Every measured case of a value operation: its pieces evaluated by both evaluators of recipes, which must
// give the measured bytes; and the way back with what is recorded.
#include <openssl/evp.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "values/evaluate.h"
#include "values/interpreter.h"
#include "values/operations/operation_table.h"

using namespace tenon;

namespace {

using Json = nlohmann::json;
using Bits = std::vector<std::byte>;

struct Filled {
  DType dtype = DType::kF32;
  Shape shape;
  Bits bytes;
};
using FilledTensors = std::map<std::string, Filled>;

// tests/golden/README.md, "A value case", says what the numbers are.
std::uint32_t mixed(const std::string& seed, std::uint64_t j) {
  std::uint32_t h = 0x811C9DC5;
  for (const char c : seed) h = (h ^ static_cast<unsigned char>(c)) * 0x01000193;
  h += static_cast<std::uint32_t>(j) * 2654435761U;
  h = (h ^ (h >> 16)) * 0x85EBCA6B;
  h = (h ^ (h >> 13)) * 0xC2B2AE35;
  return h ^ (h >> 16);
}

void put(Bits& bytes, std::size_t index, std::size_t size, std::uint64_t value) {
  std::memcpy(bytes.data() + index * size, &value, size);
}

std::uint64_t from_float(std::uint32_t single, DType dtype) {
  Recipe recipe;
  recipe.inputs.push_back({{Format::kF32, 32}});
  recipe.result.coding = coding_of(dtype).value();
  recipe.result.element_bits = static_cast<std::uint8_t>(bits_of(dtype));
  return evaluate(recipe, {{}, {{reinterpret_cast<const std::byte*>(&single), 4, 0, {}}}}, 0).element;
}

std::uint32_t generated_float(const Json& gen, std::size_t j) {
  const std::string seed = gen["seed"];
  const std::uint32_t u = mixed(seed, 2 * j);
  const std::uint32_t v = mixed(seed, 2 * j + 1);
  const int zeros = std::countr_zero((u & 0xFFFF) | 0x10000U);
  const int high = gen["hi"];
  const int exponent = high - std::min(zeros, high - gen["lo"].get<int>());
  const std::uint32_t sign = gen.value("signed", true) ? u >> 31 : 0;
  return sign << 31 | static_cast<std::uint32_t>(exponent) << 23 | (v & 0x7FFFFF);
}

Filled make(const Json& spec) {
  Filled out{parse_dtype(spec["dtype"].get<std::string>()).value(), spec["shape"].get<Shape>(), {}};
  const std::size_t count = element_count(out.shape).value();
  const auto size = static_cast<std::size_t>(bits_of(out.dtype) / 8);
  out.bytes.resize(count * size);
  const Json& gen = spec["gen"];
  const std::string kind = gen["kind"];
  for (std::size_t j = 0; j < count; ++j) {
    if (kind == "table") {
      const Json& values = gen["values"];
      put(out.bytes, j, size, std::stoull(values[j % values.size()].get<std::string>(), nullptr, 16));
    } else if (kind == "int") {
      const std::int64_t low = gen["lo"];
      const auto span = static_cast<std::uint64_t>(gen["hi"].get<std::int64_t>() - low) + 1;
      put(out.bytes, j, size, static_cast<std::uint64_t>(low) + mixed(gen["seed"], j) % span);
    } else if (kind == "float") {
      put(out.bytes, j, size, from_float(generated_float(gen, j), out.dtype));
    }
  }
  for (std::size_t k = 0; k < out.bytes.size(); ++k) {
    if (kind == "bytes") out.bytes[k] = static_cast<std::byte>(mixed(gen["seed"], k) >> 24);
    if (kind == "hex")
      out.bytes[k] =
          static_cast<std::byte>(std::stoi(gen["hex"].get<std::string>().substr(2 * k, 2), nullptr, 16));
  }
  for (const Json& patch : spec.value("patch", gen.value("patch", Json::array()))) {
    for (std::size_t k = 0; k < patch[2].get<std::size_t>(); ++k)
      put(out.bytes, patch[0].get<std::size_t>() + k * patch[1].get<std::size_t>(), size,
          std::stoull(patch[3].get<std::string>(), nullptr, 16));
  }
  return out;
}

ValueParameters parameters_of(const Json& params) {
  ValueParameters out;
  for (const auto& [name, value] : params.items()) {
    if (value.is_boolean())
      out[name] = value.get<bool>();
    else if (value.is_number())
      out[name] = value.get<double>();
    else if (value.is_string())
      out[name] = value.get<std::string>();
    else if (value.is_array())
      out[name] = value.get<std::vector<std::int64_t>>();
    else
      out[name] = nullptr;
  }
  return out;
}

// Elements of which the second evaluator is asked one: it folds a block anew for each.
std::uint64_t every(const Recipe& recipe, std::uint64_t count) {
  std::uint64_t cost = 1;
  for (const Input& input : recipe.inputs) {
    std::uint64_t elements = 1;
    for (const FoldLoop& loop : input.block) elements *= static_cast<std::uint64_t>(loop.extent);
    cost += elements;
  }
  return 1 + cost * count / 300'000;
}

// The elements of one piece into the output, each once; by both evaluators. Returns why it is refused.
std::optional<std::string> fill(const ValuePiece& piece, const FilledTensors& inputs, Filled& out,
                                std::vector<bool>& filled) {
  Nest nest{piece.extents, {}};
  for (const ValueOperand& operand : piece.operands) {
    const Filled& tensor = inputs.at(operand.role);
    nest.operands.push_back({tensor.bytes.data(), tensor.bytes.size(), operand.offset, operand.strides});
  }
  Interpreter interpreter(piece.recipe);
  const std::size_t size = interpreter.element_bytes();
  const std::uint64_t count = element_count(nest);
  Bits made(count * size);
  if (const auto refused = interpreter.run(nest, made.data())) {
    REQUIRE(evaluate(piece.recipe, nest, refused->element).refused);
    return std::string(name_of(refused->refusal));
  }
  const std::uint64_t step = every(piece.recipe, count);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t element = 0;
    std::memcpy(&element, made.data() + i * size, size);
    if (i % step == 0) {
      const Evaluated one = evaluate(piece.recipe, nest, i);
      REQUIRE(!one.refused);
      if (one.element != element) FAIL("element " << i << " of " << to_string(piece.recipe) << " differs");
    }
    std::int64_t place = piece.output_offset;
    std::uint64_t rest = i;
    for (std::size_t loop = piece.extents.size(); loop-- > 0;) {
      const auto extent = static_cast<std::uint64_t>(piece.extents[loop]);
      place += static_cast<std::int64_t>(rest % extent) * piece.output_strides[loop];
      rest /= extent;
    }
    const auto at = static_cast<std::size_t>(place);
    if (at >= filled.size() || filled[at]) FAIL("element " << at << " is filled twice, or is none");
    filled[at] = true;
    put(out.bytes, at, size, element);
  }
  return std::nullopt;
}

// What an operation makes, or the word for which it is refused.
struct Made {
  FilledTensors outputs;
  std::string refused;
};

Made run(const std::string& operation, const Json& params, const FilledTensors& inputs) {
  ValueTensors tensors;
  for (const auto& [role, tensor] : inputs) tensors[role] = {tensor.dtype, tensor.shape, tensor.bytes.data()};
  Made made;
  try {
    for (const auto& [role, output] : apply_value_operation(operation, parameters_of(params), tensors)) {
      INFO(role);
      Filled out{output.dtype, output.shape, {}};
      const std::size_t count = element_count(out.shape).value();
      out.bytes.resize(count * static_cast<std::size_t>(bits_of(out.dtype) / 8));
      std::vector<bool> filled(count);
      for (const ValuePiece& piece : output.pieces) {
        const auto refused = fill(piece, inputs, out, filled);
        if (refused) return {{}, *refused};
      }
      REQUIRE(std::count(filled.begin(), filled.end(), false) == 0);
      made.outputs[role] = std::move(out);
    }
  } catch (const ValueError& error) {
    UNSCOPED_INFO(error.message);
    return {{}, error.word};
  }
  return made;
}

std::string digest_of(Filled tensor) {
  const Coding coding = coding_of(tensor.dtype).value();
  const auto size = static_cast<std::size_t>(coding.bits / 8);
  for (std::size_t at = 0; at < tensor.bytes.size(); at += size) {
    std::uint64_t code = 0;
    std::memcpy(&code, tensor.bytes.data() + at, size);
    if (is_nan_code(coding, code)) put(tensor.bytes, at / size, size, canonical_nan(coding));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  REQUIRE(EVP_Digest(tensor.bytes.data(), tensor.bytes.size(), digest, &length, EVP_sha256(), nullptr) == 1);
  std::string text;
  for (unsigned i = 0; i < 16; ++i) {
    static constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

void check(const std::string& role, const Filled& tensor, const Json& wanted) {
  CAPTURE(role);
  CHECK(std::string(name_of(tensor.dtype)) == wanted["dtype"].get<std::string>());
  CHECK(tensor.shape == wanted["shape"].get<Shape>());
  CHECK(digest_of(tensor) == wanted["digest"].get<std::string>());
}

}  // namespace

TEST_CASE("every measured value case is exact, forward and back", "[values]") {
  std::ifstream in(std::string(TENON_SOURCE_ROOT) + "/tests/golden/values.json");
  const Json file = Json::parse(in);
  CHECK(file["cases"].size() == 418);
  for (const Json& c : file["cases"]) {
    INFO("case " << c["case"] << " " << c["op"] << " " << c["params"].dump());
    FilledTensors inputs;
    for (const auto& [role, spec] : c["inputs"].items()) inputs[role] = make(spec);
    const Made made = run(c["op"], c["params"], inputs);
    CHECK(made.refused == c.value("refuse", ""));
    if (c.contains("refuse") || !made.refused.empty()) continue;
    for (const auto& [role, wanted] : c["outputs"].items()) {
      CAPTURE(role);
      if (!made.outputs.contains(role)) {
        CHECK(made.outputs.contains(role));
        continue;
      }
      check(role, made.outputs.at(role), wanted);
    }
    if (!c.contains("back")) continue;
    const Json& back = c["back"];
    FilledTensors recorded;
    for (const auto& [role, from] : back["from_output"].items())
      recorded[role] = made.outputs.at(from.get<std::string>());
    for (const Json& role : back["recorded"]) recorded[role] = inputs.at(role.get<std::string>());
    INFO("back");
    const Made returned = run(back["op"], back["params"], recorded);
    CHECK(returned.refused.empty());
    if (!returned.refused.empty()) continue;
    for (const auto& [role, wanted] : back["gives"].items()) check(role, returned.outputs.at(role), wanted);
  }
}
