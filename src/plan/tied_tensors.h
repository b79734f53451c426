// Tensors that are one another: what a rule leaves out because another tensor has its bytes (`drop` with
// `equals`), and the second names that a rule gives (`copy`). Both are undone on the way back. Whether the
// bytes are equal is looked at before anything is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/diagnostics.h"
#include "plan/convert_views.h"
#include "plan/plan.h"

namespace tenon {

class TiedTensors {
 public:
  /// Conditions, facts and notes go to `plan`, whose direction is set.
  TiedTensors(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan, Diagnostics& diagnostics)
      : checkpoint_(checkpoint), rules_(rules), plan_(plan), diagnostics_(diagnostics) {}

  /// To the fused layout: is source tensor `i` left out because of `rule`, which says `equals`? Where headers
  /// tell that it is another tensor, it is kept, with a note.
  bool leaves_out(std::uint32_t i, const DropRule& rule);

  /// Back: why source tensor `i` is left out, being a second name; nothing where it is none.
  std::optional<std::string> second_name(std::uint32_t i);

  /// The outputs that are another under a second name, or that were left out on the way there.
  void add_outputs(Conversion& conversion);

 private:
  bool same_header(std::uint32_t a, std::uint32_t b) const;
  std::optional<std::uint32_t> index_of(const std::string& key) const;
  std::string text_of(std::uint32_t i) const;
  void require_equal(std::uint32_t a, std::uint32_t b, std::string why);
  bool add(Conversion& conversion, const std::string& from, const std::string& to, const Place& place,
           const std::string& what);
  void tie(bool tied);
  void note(std::string message);

  const Checkpoint& checkpoint_;
  const RuleSet& rules_;
  Plan& plan_;
  Diagnostics& diagnostics_;
};

}  // namespace tenon
