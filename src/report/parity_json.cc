#include <algorithm>
#include <map>

#include "base/fields.h"
#include "report/parity_report.h"

namespace tenon {
namespace {

// A report and what it is about.
struct ParityDocument {
  const ParitySubject& subject;
  const ParityResult& result;
};

struct ModuleChecks {
  std::vector<ParityCheck> all;

  const ParityCheck& named(std::string_view name) const {
    return *std::find_if(all.begin(), all.end(),
                         [&](const ParityCheck& check) { return check.name == name; });
  }
};

struct Coverage {
  const ParityResult& of;
};

struct UsedRule {
  std::string name;
  std::string hash;
};

struct BothSeconds {
  double original;
  double fused;
};

std::map<std::string, std::string> hashes_of(const std::vector<HashedTensor>& tensors) {
  std::map<std::string, std::string> hashes;
  for (const auto& tensor : tensors) hashes[tensor.key] = tensor.hash;
  return hashes;
}

}  // namespace

template <>
struct FieldsOf<WorstElement> {
  static std::vector<Field<WorstElement>> fields() {
    return {
        field<WorstElement>("value", &WorstElement::value, "The name of the value"),
        field<WorstElement>("at", &WorstElement::at, "Its index"),
        field<WorstElement>(
            "expected", [](const WorstElement& i) { return Real{i.expected}; }, "As computed exactly"),
        field<WorstElement>(
            "got", [](const WorstElement& i) { return Real{i.got}; }, "As computed"),
        field<WorstElement>(
            "error", [](const WorstElement& i) { return Real{i.error}; }, "Between the two"),
        field<WorstElement>(
            "bound", [](const WorstElement& i) { return Real{i.bound}; }, "What rounding explains"),
    };
  }
};

template <>
struct FieldsOf<Deviation> {
  static std::vector<Field<Deviation>> fields() {
    return {
        field<Deviation>("elements", &Deviation::elements, "How many were compared"),
        field<Deviation>("outside_bound", &Deviation::outside, "How many rounding does not explain"),
        field<Deviation>("without_bound", &Deviation::unbounded, "How many have no bound"),
        field<Deviation>(
            "rho", [](const Deviation& i) { return Real{i.ratio}; }, "The largest error over its bound"),
        field<Deviation>(
            "largest_error", [](const Deviation& i) { return Real{i.largest_error}; }, "Of all elements"),
        field<Deviation>(
            "rounding_floor", [](const Deviation& i) { return Real{i.rounding_floor}; },
            "What rounding alone makes in this format"),
        field<Deviation>("worst", &Deviation::worst, "Where error over bound is largest"),
        field<Deviation>(
            "rho_histogram",
            [](const Deviation& i) { return std::vector<std::int64_t>(i.ratios.begin(), i.ratios.end()); },
            "Elements by error over bound: 0, up to 1e-9, ... 1e-1, 1, above"),
        field<Deviation>(
            "ulp_histogram",
            [](const Deviation& i) { return std::vector<std::int64_t>(i.ulps.begin(), i.ulps.end()); },
            "Elements by units in the last place: 0, 1, 2, 3-4, 5-8, 9-16, 17-64, more"),
    };
  }
};

template <>
struct FieldsOf<ParityCheck> {
  static std::vector<Field<ParityCheck>> fields() {
    return {
        field<ParityCheck>("holds", &ParityCheck::holds, "It holds"),
        field<ParityCheck>("summary", &ParityCheck::summary, "In a line"),
    };
  }
};

template <>
struct FieldsOf<ModuleChecks> {
  static std::vector<Field<ModuleChecks>> fields() {
    return {
        field<ModuleChecks>(
            "bytes", [](const ModuleChecks& i) { return i.named("bytes"); },
            "Weights are the same, both ways"),
        field<ModuleChecks>(
            "bitwise", [](const ModuleChecks& i) { return i.named("bitwise"); },
            "Results are, where the order of sums is fixed"),
        field<ModuleChecks>(
            "bounded", [](const ModuleChecks& i) { return i.named("bounded"); },
            "Errors are within what rounding explains"),
        field<ModuleChecks>(
            "no worse", [](const ModuleChecks& i) { return i.named("no worse"); },
            "The fused module is no worse than the original"),
        field<ModuleChecks>(
            "power", [](const ModuleChecks& i) { return i.named("power"); },
            "Weights that were changed on purpose are rejected"),
    };
  }
};

template <>
struct FieldsOf<MutantResult> {
  static std::vector<Field<MutantResult>> fields() {
    return {
        field<MutantResult>("name", &MutantResult::name, "What was changed"),
        field<MutantResult>("weight", &MutantResult::weight, "Of which weight"),
        field<MutantResult>("applies", &MutantResult::applies, "It changes anything"),
        field<MutantResult>("rejected", &MutantResult::killed, "A check saw it"),
        field<MutantResult>("rejected_by", &MutantResult::killed_by, "Which ones"),
    };
  }
};

template <>
struct FieldsOf<UnreadWeight> {
  static std::vector<Field<UnreadWeight>> fields() {
    return {
        field<UnreadWeight>("tensor", &UnreadWeight::key, "Its key"),
        field<UnreadWeight>("bytes", &UnreadWeight::bytes, "Its size"),
        field<UnreadWeight>(
            "as_planned", [](const UnreadWeight& i) { return !i.differs; },
            "Its bytes are those that the plan makes"),
    };
  }
};

template <>
struct FieldsOf<BothSeconds> {
  static std::vector<Field<BothSeconds>> fields() {
    return {
        field<BothSeconds>("original", &BothSeconds::original, "Of the original module"),
        field<BothSeconds>("fused", &BothSeconds::fused, "Of the fused one"),
    };
  }
};

template <>
struct FieldsOf<ModuleResult> {
  static std::vector<Field<ModuleResult>> fields() {
    return {
        field<ModuleResult>("program", &ModuleResult::program, "What computes it"),
        field<ModuleResult>("rule", &ModuleResult::rule, "The rule that it is of"),
        field<ModuleResult>("module", &ModuleResult::path, "Where it stands in the checkpoint"),
        field<ModuleResult>(
            "claims",
            [](const ModuleResult& i) {
              return OrNull<std::string>{i.claims.empty() ? std::nullopt : std::optional(i.claims)};
            },
            "What its program claims of it; null: nothing"),
        field<ModuleResult>("never_read", &ModuleResult::unread,
                            "Tensors of it that the program does not read"),
        field<ModuleResult>(
            "layer", [](const ModuleResult& i) { return OrNull<std::int64_t>{i.layer}; },
            "null: of no layer"),
        field<ModuleResult>("dtype", &ModuleResult::dtype, "What weights and results are kept in"),
        field<ModuleResult>(
            "holds", [](const ModuleResult& i) { return i.holds(); }, "All checks hold"),
        field<ModuleResult>(
            "checks", [](const ModuleResult& i) { return ModuleChecks{parity_checks(i)}; }, "The five"),
        field<ModuleResult>("original", &ModuleResult::original, "How far the original is from exact"),
        field<ModuleResult>("fused", &ModuleResult::fused, "How far the fused one is"),
        field<ModuleResult>("mutants", &ModuleResult::mutants, "Weights that were changed on purpose"),
        field<ModuleResult>(
            "seconds",
            [](const ModuleResult& i) {
              return (BothSeconds{i.original_seconds, i.fused_seconds});
            },
            "How long one run of each took"),
        field<ModuleResult>("check_seconds", &ModuleResult::check_seconds,
                            "How long its five checks took, without reading its weights"),
        field<ModuleResult>(
            "original_tensors", [](const ModuleResult& i) { return hashes_of(i.original_tensors); },
            "Key to hash"),
        field<ModuleResult>(
            "fused_tensors", [](const ModuleResult& i) { return hashes_of(i.fused_tensors); }, "Key to hash"),
    };
  }
};

template <>
struct FieldsOf<UsedRule> {
  static std::vector<Field<UsedRule>> fields() {
    return {
        field<UsedRule>("name", &UsedRule::name, "As --rules and --fuse take it"),
        field<UsedRule>("hash", &UsedRule::hash, "Of the bytes of the rule file"),
    };
  }
};

template <>
struct FieldsOf<UncoveredModule> {
  static std::vector<Field<UncoveredModule>> fields() {
    return {
        field<UncoveredModule>("program", &UncoveredModule::program, "What would compute it"),
        field<UncoveredModule>("module", &UncoveredModule::path,
                               "Where it stands; empty: no module of the checkpoint is one"),
        field<UncoveredModule>("reason", &UncoveredModule::reason, "Why it was not compared"),
    };
  }
};

template <>
struct FieldsOf<Coverage> {
  static std::vector<Field<Coverage>> fields() {
    return {
        field<Coverage>(
            "changed_bytes", [](const Coverage& i) { return i.of.changed_bytes; },
            "Of fused tensors whose elements the conversion moves"),
        field<Coverage>(
            "compared_bytes", [](const Coverage& i) { return i.of.changed_compared; },
            "Of those, bytes that programs read"),
        field<Coverage>(
            "whole", [](const Coverage& i) { return i.of.covers(); }, "That is all of them"),
        field<Coverage>(
            "by_bytes_alone", [](const Coverage& i) { return i.of.by_bytes_alone; },
            "Tensors that no program reads"),
    };
  }
};

template <>
struct FieldsOf<ParityDocument> {
  static std::vector<Field<ParityDocument>> fields() {
    return {
        field<ParityDocument>(
            "tenon", [](const ParityDocument&) { return std::string(TENON_VERSION); },
            "The tenon that compared"),
        field<ParityDocument>(
            "report", [](const ParityDocument&) { return std::string("parity"); }, "parity"),
        field<ParityDocument>(
            "holds", [](const ParityDocument& i) { return i.result.holds(); },
            "All checks of all modules hold"),
        field<ParityDocument>(
            "verdict", [](const ParityDocument& i) { return parity_verdict(i.result); }, "In words"),
        field<ParityDocument>(
            "coverage", [](const ParityDocument& i) { return Coverage{i.result}; },
            "How much of what the conversion moves was compared"),
        field<ParityDocument>(
            "original", [](const ParityDocument& i) { return i.subject.original; },
            "The checkpoint in its original layout, as it was named"),
        field<ParityDocument>(
            "fused",
            [](const ParityDocument& i) {
              return OrNull<std::string>{i.subject.fused.empty() ? std::nullopt
                                                                 : std::optional(i.subject.fused)};
            },
            "The fused one; null: what the plan would write"),
        field<ParityDocument>(
            "backend", [](const ParityDocument& i) { return i.result.backend; }, "cpu or cuda"),
        field<ParityDocument>(
            "machine", [](const ParityDocument& i) { return i.result.machine; }, "What it ran on"),
        field<ParityDocument>(
            "weight_bytes", [](const ParityDocument& i) { return i.result.bytes; },
            "Of original weights that were checked"),
        field<ParityDocument>(
            "tokens", [](const ParityDocument& i) { return i.result.tokens; }, "Of input"),
        field<ParityDocument>(
            "seed", [](const ParityDocument& i) { return i.result.seed; }, "Of the inputs"),
        field<ParityDocument>(
            "seconds", [](const ParityDocument& i) { return i.result.seconds; }, "How long it took"),
        field<ParityDocument>(
            "rules",
            [](const ParityDocument& i) {
              std::vector<UsedRule> rules;
              for (const auto& rule : i.subject.rules) rules.push_back({rule.name, rule.hash});
              return rules;
            },
            "The rule files that made the plan"),
        field<ParityDocument>(
            "modules",
            [](const ParityDocument& i) -> const std::vector<ModuleResult>& { return i.result.modules; },
            "Every module that was compared"),
        field<ParityDocument>(
            "not_compared", [](const ParityDocument& i) { return i.result.uncovered; },
            "Modules with a program that were not"),
    };
  }
};

nlohmann::ordered_json parity_json(const ParitySubject& subject, const ParityResult& result) {
  return document_of(ParityDocument{subject, result});
}

nlohmann::ordered_json parity_schema() {
  return document_schema<ParityDocument>("tenon parity --json, and its report.json");
}

}  // namespace tenon
