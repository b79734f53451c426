#include "report/doctor_report.h"

#include <fmt/format.h>

#include "base/fields.h"
#include "base/text.h"
#include "report/table.h"

namespace tenon {

template <>
struct FieldsOf<DoctorCheck> {
  static std::vector<Field<DoctorCheck>> fields() {
    return {
        field<DoctorCheck>("name", &DoctorCheck::name, "What was tried"),
        field<DoctorCheck>("good", &DoctorCheck::good, "It works here"),
        field<DoctorCheck>("what", &DoctorCheck::what, "What follows"),
    };
  }
};

template <>
struct FieldsOf<BuildFacts> {
  static std::vector<Field<BuildFacts>> fields() {
    return {
        field<BuildFacts>("version", &BuildFacts::version, "Of tenon"),
        field<BuildFacts>("commit", &BuildFacts::commit, "Of its sources; empty: the builder did not say"),
        field<BuildFacts>("compiler", &BuildFacts::compiler, "That made it"),
        field<BuildFacts>("parts", &BuildFacts::parts, "Libraries and their versions"),
        field<BuildFacts>("rules", &BuildFacts::rules, "The rule library"),
        field<BuildFacts>("cuda", &BuildFacts::cuda, "The GPU, or why there is none"),
    };
  }
};

template <>
struct FieldsOf<DoctorReport> {
  static std::vector<Field<DoctorReport>> fields() {
    return {
        field<DoctorReport>("tenon", &DoctorReport::facts, "This program"),
        field<DoctorReport>("folder", &DoctorReport::folder, "Where it was tried"),
        field<DoctorReport>("threads", &DoctorReport::threads, "Of the machine"),
        field<DoctorReport>("memory", &DoctorReport::memory, "Of the machine, in bytes"),
        field<DoctorReport>("free", &DoctorReport::free, "In the folder, in bytes"),
        field<DoctorReport>("checks", &DoctorReport::checks, "What was tried"),
    };
  }
};

std::string build_facts_text(const BuildFacts& facts) {
  std::string out = fmt::format("tenon {}{}\n", facts.version,
                                facts.commit.empty() ? "" : fmt::format(" ({})", facts.commit));
  return out + fmt::format("compiler  {}\nparts     {}\nrules     {}\ncuda      {}\n", facts.compiler,
                           facts.parts, facts.rules, facts.cuda);
}

std::string doctor_text(const DoctorReport& report) {
  std::string out = build_facts_text(report.facts);
  out += fmt::format("machine   {} threads, {} of memory\nfolder    {}, {} free\n\n", report.threads,
                     human_bytes(report.memory), visible(report.folder), human_bytes(report.free));
  Table table({{"", Align::kLeft}, {"tried"}, {"so"}});
  for (const DoctorCheck& check : report.checks)
    table.add({check.good ? "yes" : "no", check.name, check.what});
  return out + table.text();
}

nlohmann::ordered_json doctor_json(const DoctorReport& report) {
  return document_of(report);
}

nlohmann::ordered_json doctor_schema() {
  return document_schema<DoctorReport>("tenon doctor --json");
}

}  // namespace tenon
