// The parameters of an operation, said once: reading them from YAML, evaluating what comes from the config,
// writing them down again, the rule schema, the table in docs/rules.md and the words for fuzzing all come
// from here.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rules/language/operation.h"
#include "rules/language/yaml_reader.h"

namespace tenon {

/// A positive integer or expression that may be absent.
using OptionalNumber = std::optional<Number>;

/// Extents of a shape, nullopt (`null`): any; empty: not declared.
using ShapePattern = std::vector<std::optional<Number>>;

/// A whole shape; one extent may be -1, what is left. Empty: not declared.
struct Extents {
  std::vector<Number> listed;
};

/// Time, height, width of a convolution's kernel.
struct KernelSize {
  std::vector<Number> listed;
};

/// An integer from 0 on, or an expression.
struct Index {
  Number number{"0", {}, 0};
};

/// Dimensions in a new order.
struct Axes {
  std::vector<int> listed;
};

/// Reads the parameters of one operation, each as the type that it has; mistakes are reported with their
/// place.
class ParameterReader {
 public:
  /// `place`: where the operation's name stands.
  ParameterReader(const YamlFile& yaml, MapReader& map, Place place)
      : yaml_(yaml), map_(map), place_(std::move(place)) {}

  void read(const std::string& key, int& dim) const;
  void read(const std::string& key, bool& flag) const;
  void read(const std::string& key, std::string& text) const;
  void read(const std::string& key, std::vector<std::string>& texts) const;
  void read(const std::string& key, OptionalNumber& number) const;
  void read(const std::string& key, PartSizes& sizes) const;
  void read(const std::string& key, ShapePattern& shape) const;
  void read(const std::string& key, Extents& extents) const;
  void read(const std::string& key, KernelSize& extents) const;
  void read(const std::string& key, Index& index) const;
  void read(const std::string& key, Axes& axes) const;

  /// So many whole numbers or expressions: one by itself, several in a list. Empty where they are not there.
  std::vector<Number> whole_numbers(const std::string& key, std::size_t count) const;
  std::optional<double> real_number(const std::string& key) const;

  const Place& place() const { return place_; }
  /// Reports a mistake at the key's value, or at the operation where the key is absent.
  void error(const std::string& key, std::string message, std::string hint = {}) const;
  bool has(const std::string& key) const { return map_.take(key).IsDefined(); }

 private:
  std::optional<Number> number(const YAML::Node& node, const std::string& key, std::int64_t least = 1,
                               const char* kind = "positive integers") const;
  std::vector<Number> numbers(const std::string& key) const;

  const YamlFile& yaml_;
  MapReader& map_;
  Place place_;
};

/// Evaluates the numbers of an operation against config.json; what the config does not give is reported.
struct NumberResolver {
  const nlohmann::ordered_json& config;
  Diagnostics& diagnostics;

  /// At least `least`.
  void evaluate(Number& number, std::int64_t least = 1) const;

  void resolve(int&) const {}
  void resolve(bool&) const {}
  void resolve(std::string&) const {}
  void resolve(std::vector<std::string>&) const {}
  void resolve(Axes&) const {}
  void resolve(OptionalNumber& number) const;
  void resolve(PartSizes& sizes) const;
  void resolve(ShapePattern& shape) const;
  void resolve(Extents& extents) const;
  void resolve(KernelSize& extents) const;
  void resolve(Index& index) const;
};

/// One parameter of an operation.
struct OperationParameter {
  std::string name;
  // one line for the schema and the docs
  std::string about;
  bool required = false;
  // what an editor may accept for it
  nlohmann::ordered_json schema;
  std::function<void(LayoutOperation&, const ParameterReader&)> read;
  std::function<void(LayoutOperation&, const NumberResolver&)> resolve;
  // null where it says nothing
  std::function<nlohmann::ordered_json(const LayoutOperation&)> value;
};

/// JSON Schemas of the types.
nlohmann::ordered_json schema_of(const int*);
nlohmann::ordered_json schema_of(const bool*);
nlohmann::ordered_json schema_of(const std::string*);
nlohmann::ordered_json schema_of(const std::vector<std::string>*);
nlohmann::ordered_json schema_of(const OptionalNumber*);
nlohmann::ordered_json schema_of(const PartSizes*);
nlohmann::ordered_json schema_of(const ShapePattern*);
nlohmann::ordered_json schema_of(const Extents*);
nlohmann::ordered_json schema_of(const KernelSize*);
nlohmann::ordered_json schema_of(const Index*);
nlohmann::ordered_json schema_of(const Axes*);

/// Values as a rule file would say them, null where nothing is to be said.
nlohmann::ordered_json written(int);
nlohmann::ordered_json written(bool);
nlohmann::ordered_json written(const std::string&);
nlohmann::ordered_json written(const std::vector<std::string>&);
nlohmann::ordered_json written(const OptionalNumber&);
nlohmann::ordered_json written(const PartSizes&);
nlohmann::ordered_json written(const ShapePattern&);
nlohmann::ordered_json written(const Extents&);
nlohmann::ordered_json written(const KernelSize&);
nlohmann::ordered_json written(const Index&);
nlohmann::ordered_json written(const Axes&);

/// The parameter of operation `O` that is held in `member`.
template <class O, class B, class M>
OperationParameter parameter(std::string name, M B::*member, std::string about, bool required = false) {
  return {name,
          std::move(about),
          required,
          schema_of(static_cast<const M*>(nullptr)),
          [name, member](LayoutOperation& o, const ParameterReader& reader) {
            reader.read(name, static_cast<O&>(o).*member);
          },
          [member](LayoutOperation& o, const NumberResolver& r) { r.resolve(static_cast<O&>(o).*member); },
          [member](const LayoutOperation& o) { return written(static_cast<const O&>(o).*member); }};
}

}  // namespace tenon
