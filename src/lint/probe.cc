#include "lint/probe.h"

#include <algorithm>

#include "rules/invert.h"

namespace tenon {
namespace {

constexpr std::size_t kSamplesEach = 4;  // keys of one source pattern

std::string filled(std::string text, const std::string& star) {
  for (std::size_t at = text.find('*'); at != std::string::npos; at = text.find('*', at + star.size()))
    text.replace(at, 1, star);
  return text;
}

std::string scope_of(const Transform& t) {
  if (!t.scope) return "";
  std::string out;
  for (const auto& part : {t.scope->base_model_prefix, t.scope->scope_prefix})
    out += part.empty() ? "" : part + ".";
  return out;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> surroundings(const std::string& text) {
  const bool leads_on = text.starts_with('.');
  const bool goes_on = text.ends_with('.');
  const bool whole = text.ends_with("weight") || text.ends_with("bias");
  std::vector<std::string> before = {leads_on ? "model.layers.0.block" : "model.layers.0.", "", "block."};
  if (text.starts_with("model.") || text.starts_with("layers.")) std::swap(before[0], before[1]);
  std::vector<std::string> after = {goes_on ? "proj.weight" : ".weight", "", ".0.weight"};
  if (whole) std::swap(after[0], after[1]);
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& b : before) {
    for (const auto& a : after) out.emplace_back(b, a);
  }
  return out;
}

Probe::Probe(Transform transform)
    : transform_(std::move(transform)), inverse_(invert(transform_)), forward_(transform_, true) {
  transform_.modules = nullptr;
  try {
    back_ = std::make_unique<KeyRewriter>(inverse_, true);
  } catch (const UserError& e) {
    why_no_inverse_ = e.diagnostics().front().message;
  }
  collect_samples();
  // Both guards of a group have been seen from here on: what is asked is what its pairs do.
  if (transform_.kind == TransformKind::kGroupWeightRename && !samples_.empty() && back_) {
    for (const auto& sample : samples_) back(sample.rewrite.key);
  }
}

std::optional<Rewrite> Probe::apply(KeyRewriter& rewriter, const std::string& key) {
  try {
    return rewriter.apply(key);
  } catch (const UserError&) {
    return std::nullopt;
  }
}

void Probe::collect_samples() {
  const auto& sources = forward_.pattern().sources();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (const auto& text : sample_texts(sources[i])) {
      const std::size_t before = samples_.size();
      for (const auto& [front, tail] : surroundings(text.text)) {
        add_sample(static_cast<int>(i), text, scope_of(transform_) + front, tail);
        if (samples_.size() > before) break;
      }
      const auto of_this = std::count_if(samples_.begin(), samples_.end(), [&](const auto& s) {
        return s.rewrite.alternative == static_cast<int>(i);
      });
      if (static_cast<std::size_t>(of_this) >= kSamplesEach) break;
    }
  }
}

void Probe::add_sample(int alternative, const SampleText& text, const std::string& before,
                       const std::string& after) {
  const std::string key = before + text.text + after;
  auto rewrite = forward(key);
  if (!rewrite || rewrite->alternative != alternative) return;
  SampleKey sample{key, std::move(*rewrite), text.loose_dots};
  for (auto& dot : sample.loose_dots) dot.in_text += before.size();
  samples_.push_back(std::move(sample));
}

Place Probe::place_of_source(std::size_t i) const {
  return i < transform_.source_places.size() ? transform_.source_places[i] : transform_.place;
}

std::string Probe::star_of(const std::string& key) const {
  const auto stars = forward_.stars(key);
  return stars.empty() ? "0" : key.substr(stars.back().begin, stars.back().end - stars.back().begin);
}

std::vector<std::string> Probe::outputs_of(const std::string& key) {
  const auto rewrite = forward(key);
  if (!rewrite) return {key};
  if (transform_.kind != TransformKind::kWeightConverter) return {rewrite->key};
  std::vector<std::string> out;
  for (std::size_t i = 0; i < transform_.target_patterns.size(); ++i) {
    std::string made = rewrite->key;
    made.replace(rewrite->at, rewrite->replacement.size(),
                 filled(forward_.target_text(i, rewrite->group), star_of(key)));
    out.push_back(std::move(made));
  }
  return out;
}

std::vector<std::string> Probe::back_all(const std::string& key, const std::string& star) {
  const auto rewrite = back(key);
  if (!rewrite) return {key};
  if (transform_.kind != TransformKind::kWeightConverter) return {rewrite->key};
  std::vector<std::string> out;
  for (std::size_t i = 0; i < inverse_.target_patterns.size(); ++i) {
    std::string made = rewrite->key;
    made.replace(rewrite->at, rewrite->replacement.size(),
                 filled(back_->target_text(i, rewrite->group), star));
    out.push_back(std::move(made));
  }
  return out;
}

}  // namespace tenon
