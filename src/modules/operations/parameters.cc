#include "modules/operations/parameters.h"

namespace tenon {

using Kind = Parameter::Kind;

Parameters joined(std::initializer_list<Parameters> lists) {
  Parameters out;
  for (const auto& list : lists) out.insert(out.end(), list.begin(), list.end());
  return out;
}

Parameters product_parameters(bool multiplied) {
  return {{"x", Kind::kValue}, {"weight", Kind::kWeight, true, multiplied}, {"bias", Kind::kWeight, false}};
}

Parameters unit_parameters() {
  return {{"act", Kind::kText},
          {"limit", Kind::kReal, false},
          {"limit_after", Kind::kReal, false},
          {"alpha", Kind::kReal, false},
          {"up_offset", Kind::kReal, false}};
}

Parameters gated_mlp_parameters(bool apart) {
  Parameters out = {{"gate_up", Kind::kWeight, !apart}, {"gate_up_bias", Kind::kWeight, false}};
  for (const char* const name : {"gate", "gate_bias", "up", "up_bias"}) {
    if (apart) out.push_back({name, Kind::kWeight, false});
  }
  return joined({out,
                 {{"down", Kind::kWeight}, {"down_bias", Kind::kWeight, false}},
                 unit_parameters(),
                 {{"interleaved", Kind::kFlag, false}}});
}

Parameters routed_parameters() {
  return {{"x", Kind::kValue},
          {"indices", Kind::kValue},
          {"weights", Kind::kValue},
          {"identity", Kind::kInteger, false}};
}

}  // namespace tenon
