// One transform under lint: at work on keys in both directions, with keys that it matches.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lint/sample_text.h"
#include "rules/key_rewriter.h"
#include "rules/language/transform.h"

namespace tenon {

/// A key that a transform was seen to match, and what it made of it.
struct SampleKey {
  std::string key;
  Rewrite rewrite;
  /// `in_text` is an index into `key`
  std::vector<LooseDot> loose_dots;
};

class Probe {
 public:
  /// Throws UserError where the transform has no rewriter: what it says is the finding.
  explicit Probe(Transform transform);
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  const Transform& transform() const { return transform_; }
  const std::vector<SampleKey>& samples() const { return samples_; }
  /// Where source pattern `i` stands: the transform's own place if the parser recorded none.
  Place place_of_source(std::size_t i) const;

  const Pattern& pattern() const { return forward_.pattern(); }

  /// What the transform makes of a key. A pattern that backtracks without end matches nothing here.
  std::optional<Rewrite> forward(const std::string& key) { return apply(forward_, key); }

  /// All keys that a converter makes of an input: one for each target, `*` filled in from the input.
  std::vector<std::string> outputs_of(const std::string& key);

  /// Has the transform an inverse at all? Without one, back() returns what it gets.
  bool inverts() const { return back_ != nullptr; }
  const std::string& why_no_inverse() const { return why_no_inverse_; }
  std::optional<Rewrite> back(const std::string& key) { return back_ ? apply(*back_, key) : std::nullopt; }

  /// All keys that the inverse makes of a key, `*` filled in with `star`. Only the key itself where the
  /// inverse does not match.
  std::vector<std::string> back_all(const std::string& key, const std::string& star);

  /// What `*` stood for in a key that matches, "0" where it stands for nothing.
  std::string star_of(const std::string& key) const;

 private:
  static std::optional<Rewrite> apply(KeyRewriter& rewriter, const std::string& key);
  void collect_samples();
  void add_sample(int alternative, const SampleText& text, const std::string& before,
                  const std::string& after);

  Transform transform_;
  Transform inverse_;
  KeyRewriter forward_;
  std::unique_ptr<KeyRewriter> back_;
  std::string why_no_inverse_;
  std::vector<SampleKey> samples_;
};

/// Keys around a text that a pattern matches, as they stand in checkpoints: the likeliest first.
std::vector<std::pair<std::string, std::string>> surroundings(const std::string& text);

}  // namespace tenon
