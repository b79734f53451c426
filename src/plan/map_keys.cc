#include "plan/map_keys.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace tenon {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "layers.12.mlp" -> "layers.*.mlp": most globs of a fused layout are of this form and then found by one
// look-up.
std::string template_of(std::string_view key) {
  std::string out;
  for (std::size_t from = 0; from <= key.size();) {
    const std::size_t end = std::min(key.find('.', from), key.size());
    const std::string_view segment = key.substr(from, end - from);
    if (from > 0) out += '.';
    out += all_digits(segment) ? "*" : segment;
    from = end + 1;
  }
  return out;
}

// Does the glob tell one number in a key from another?
bool tells_numbers_apart(const std::string& glob) {
  for (std::size_t from = 0; from <= glob.size();) {
    const std::size_t end = std::min(glob.find('.', from), glob.size());
    const std::string_view segment = std::string_view(glob).substr(from, end - from);
    const bool digits = segment.find_first_of("0123456789") != std::string_view::npos;
    if (all_digits(segment) || (digits && segment.find('*') != std::string_view::npos)) return true;
    from = end + 1;
  }
  return false;
}

}  // namespace

FusedKeys::FusedKeys(const std::vector<std::string>& globs, std::string base_model_prefix)
    : base_(std::move(base_model_prefix)), known_(!globs.empty()) {
  for (const auto& glob : globs) {
    if (glob.find('*') == std::string::npos) {
      literals_.insert(glob);
    } else if (tells_numbers_apart(glob)) {
      particular_.push_back(glob);
    } else {
      templates_.insert(glob);
      general_.push_back(glob);
    }
  }
}

bool FusedKeys::contains(std::string_view key) const {
  if (literals_.contains(std::string(key))) return true;
  const std::string pattern = template_of(key);
  if (templates_.contains(pattern)) return true;
  const auto matches = [&](const auto& glob) { return glob_matches(glob, key); };
  const auto [found, fresh] = general_found_.try_emplace(pattern, false);
  if (fresh) found->second = std::any_of(general_.begin(), general_.end(), matches);
  return found->second || std::any_of(particular_.begin(), particular_.end(), matches);
}

std::string FusedKeys::fit(const std::string& key) const {
  if (base_.empty() || contains(key)) return key;
  const std::string prefix = base_ + ".";
  if (key.starts_with(prefix) && contains(std::string_view(key).substr(prefix.size())))
    return key.substr(prefix.size());
  return contains(prefix + key) ? prefix + key : key;
}

KeyMapper::KeyMapper(const std::vector<Transform>& transforms, bool to_fused, const FusedKeys& fused_keys,
                     const RememberedNames* names)
    : to_fused_(to_fused), fused_keys_(fused_keys), names_(names) {
  for (const auto& t : transforms) {
    rewriters_.emplace_back(t);
    has_families_ = has_families_ || t.from_family;
  }
}

MappedKey KeyMapper::map(const std::string& key, std::vector<KeyStep>* steps) {
  MappedKey out;
  if (names_ != nullptr) {
    if (const auto kept = names_->kept.find(key); kept != names_->kept.end()) {
      out.key = kept->second;
      return out;
    }
  }
  if (to_fused_) {
    out.key = rename(key, steps, Whose::kAll);
    convert(out, steps, Whose::kAll);
    if (!fused_keys_.known() || made_by_family(out, key)) return out;
    fit_to_fused_keys(out, key);
    return out;
  }
  out.key = key;
  convert(out, steps, Whose::kAll);
  if (out.converter < 0) out.key = rename(std::move(out.key), steps, Whose::kAll);
  return out;
}

std::string KeyMapper::rename(std::string key, std::vector<KeyStep>* steps, Whose whose) {
  for (std::size_t i = 0; i < rewriters_.size(); ++i) {
    if (is_converter(i) || !takes_part(i, whose)) continue;
    auto rewrite = rewriters_[i].apply(key);
    if (steps != nullptr) {
      steps->push_back({static_cast<int>(i), key, rewrite ? std::optional(rewrite->key) : std::nullopt});
    }
    if (rewrite) key = std::move(rewrite->key);
  }
  return key;
}

void KeyMapper::convert(MappedKey& mapped, std::vector<KeyStep>* steps, Whose whose) {
  for (std::size_t i = 0; i < rewriters_.size(); ++i) {
    if (!is_converter(i) || !takes_part(i, whose)) continue;
    auto rewrite = rewriters_[i].apply(mapped.key);
    if (steps != nullptr) {
      steps->push_back(
          {static_cast<int>(i), mapped.key, rewrite ? std::optional(rewrite->key) : std::nullopt});
    }
    if (!rewrite) continue;
    mapped.before_converter = std::move(mapped.key);
    mapped.key = rewrite->key;
    mapped.converter = static_cast<int>(i);
    mapped.rewrite = std::move(rewrite);
    return;
  }
}

// With the fused layout's keys known: a head-less model's checkpoint gets or loses the base model's prefix,
// and a key that nothing turns into a fused one, but which is one as it stands, is left alone.
void KeyMapper::fit_to_fused_keys(MappedKey& mapped, const std::string& source) {
  const std::string fitted = fused_keys_.fit(mapped.key);
  if (!fused_keys_.contains(fitted) && fused_keys_.contains(source)) {
    mapped = {source, -1, "", std::nullopt};
    return;
  }
  if (mapped.rewrite)
    mapped.rewrite->at += fitted.size() - mapped.key.size();  // modulo 2^64: the prefix may have gone
  mapped.key = fitted;
}

// What a family makes is no key of the model's own layout, but what it makes it of has to be: the model's own
// transforms come first here, and their key is fitted.
bool KeyMapper::made_by_family(MappedKey& mapped, const std::string& source) {
  if (!has_families_ || fused_keys_.contains(fused_keys_.fit(mapped.key))) return false;
  MappedKey own;
  own.key = rename(source, nullptr, Whose::kOwn);
  convert(own, nullptr, Whose::kOwn);
  fit_to_fused_keys(own, source);
  if (own.converter >= 0) return false;
  MappedKey out;
  out.key = rename(own.key, nullptr, Whose::kFamilies);
  convert(out, nullptr, Whose::kFamilies);
  if (out.converter < 0 && out.key == own.key) return false;
  mapped = std::move(out);
  return true;
}

std::vector<bool> KeyMapper::used() const {
  std::vector<bool> out;
  for (const auto& rewriter : rewriters_) out.push_back(rewriter.used());
  return out;
}

}  // namespace tenon
