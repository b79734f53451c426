#include "tenon/verify.h"

#include "face/inside.h"
#include "face/options.h"
#include "report/diff_report.h"
#include "report/verify_report.h"
#include "tasks/diff.h"
#include "tasks/verify.h"

namespace tenon::v0 {

VerifyResult verify(const std::filesystem::path& folder, const VerifyOptions& options) {
  return verify(folder, options, face::nobody());
}

VerifyResult verify(const std::filesystem::path& folder, const VerifyOptions& options, Observer& observer) {
  return face::outside(observer, [&](face::Bridge& bridge) {
    Options inner = face::inner(options);
    inner.folder = folder.string();
    const VerifyReport report = tenon::verify(inner, bridge);
    VerifyResult out;
    out.tensors = report.tensors;
    out.side_files = report.side_files;
    out.bytes = report.bytes;
    for (const auto& [key, what] : report.findings) out.findings.push_back({key, what});
    out.holds = report.findings.empty();
    out.text = verify_text(report);
    out.json = bridge.json(verify_json(report));
    return out;
  });
}

DiffResult diff(const std::filesystem::path& a, const std::filesystem::path& b, const DiffOptions& options) {
  return diff(a, b, options, face::nobody());
}

DiffResult diff(const std::filesystem::path& a, const std::filesystem::path& b, const DiffOptions& options,
                Observer& observer) {
  return face::outside(observer, [&](face::Bridge& bridge) {
    Options inner = face::inner(options);
    inner.source = a.string();
    inner.other = b.string();
    const DiffReport report = tenon::diff(inner, bridge);
    DiffResult out;
    out.tensors_in_both = report.tensors_in_both;
    out.bytes_compared = report.bytes_compared;
    for (const auto& [in_a, in_b] : report.renamed) out.renamed.emplace_back(in_a, in_b);
    out.only_in_a = report.only_in_a;
    out.only_in_b = report.only_in_b;
    for (const auto& difference : report.headers) out.headers_differ.push_back(difference.key);
    for (const auto& difference : report.bytes) out.bytes_differ.push_back(difference.key);
    out.same = report.same();
    out.text = diff_text(report);
    out.json = bridge.json(diff_json(report));
    return out;
  });
}

}  // namespace tenon::v0
