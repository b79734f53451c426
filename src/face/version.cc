#include "tenon/version.h"

#include "tasks/build_facts.h"

namespace tenon::v0 {

std::string version() {
  return TENON_VERSION;
}

BuildFacts build_facts() {
  const tenon::BuildFacts facts = tenon::build_facts();
  return {facts.version, facts.commit, facts.compiler, facts.parts, facts.rules, facts.cuda};
}

}  // namespace tenon::v0
