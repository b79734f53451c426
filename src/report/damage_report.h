// What numbers lost in a conversion: a line, a document, a page.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "report/html_text.h"
#include "tasks/damage.h"

namespace tenon {

/// A line for each coding: "14 tensors as E4M3: relative error 0.0264, 31.6 dB, cosine 0.99965; 0 saturated,
/// ..."
std::string damage_text(const DamageReport& report);
/// Everything: report.json.
nlohmann::ordered_json damage_json(const DamageReport& report);
/// The schema of damage_json().
nlohmann::ordered_json damage_schema();
/// report.html, in the look of parity's page.
std::string damage_html(const DamageReport& report, const ReportOrigin& origin = {});

/// The tensors of each coding taken together.
std::vector<Damage> damage_by_coding(const DamageReport& report);

/// "31.6 dB", "exact"
std::string decibels(double value);

}  // namespace tenon
