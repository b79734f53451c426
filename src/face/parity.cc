#include "tenon/parity.h"

#include "face/inside.h"
#include "face/options.h"
#include "report/html_text.h"
#include "report/parity_html.h"
#include "report/parity_report.h"
#include "tasks/parity.h"
#include "tasks/parity_request.h"

namespace tenon::v0 {
namespace {

ModuleParity module_of(const ModuleResult& module) {
  ModuleParity out;
  out.path = module.path;
  out.claims = module.claims;
  out.holds = module.holds();
  out.bytes = module.bytes_hold();
  out.bitwise = module.bitwise_holds();
  out.bounded = module.bounded_holds();
  out.no_worse = module.no_worse_holds();
  out.power = module.power_holds();
  return out;
}

}  // namespace

ParityResult parity(const std::filesystem::path& original, const std::filesystem::path& fused,
                    const ParityOptions& options) {
  return parity(original, fused, options, face::nobody());
}

ParityResult parity(const std::filesystem::path& original, const std::filesystem::path& fused,
                    const ParityOptions& options, Observer& observer) {
  return face::outside(observer, [&](face::Bridge& bridge) {
    Options inner = face::inner(options);
    inner.source = original.string();
    inner.other = fused.string();
    const auto [rules, result] = tenon::parity(parity_request(inner), library_of(inner), bridge);
    const ParitySubject subject = parity_subject(inner.source, inner.other, rules);
    ParityResult out;
    out.holds = result.holds();
    out.covers = result.covers();
    for (const ModuleResult& module : result.modules) out.modules.push_back(module_of(module));
    out.changed_bytes = result.changed_bytes;
    out.changed_compared = result.changed_compared;
    out.backend = result.backend;
    out.seconds = result.seconds;
    out.text = parity_text(subject, result);
    out.json = bridge.json(parity_json(subject, result));
    out.html = parity_html(subject, result, {report_date(), ""});
    out.junit = parity_junit(result);
    return out;
  });
}

}  // namespace tenon::v0
