#include "cli/parity_check.h"

#include "cli/console_observer.h"
#include "report/parity_check_report.h"

namespace tenon {

Verdict show_parity_check(const ParityCheckRequest& request, bool json, Console& console) {
  ConsoleObserver observer(console);
  const ParityCheckResult result = check_parity_report(request, observer);
  if (json) {
    console.document(parity_check_json(result));
  } else {
    console.result(parity_check_text(request.report, result));
  }
  return result.holds() ? Verdict::kHolds : Verdict::kFound;
}

}  // namespace tenon
