#include <fmt/format.h>

#include <map>
#include <memory>

#include "base/text.h"
#include "checkpoint/key_ranges.h"
#include "report/inspect_report.h"

namespace tenon {
namespace {

// A part of keys between two dots, and what is below it.
struct Branch {
  std::string name;
  std::string kind;  // of a tensor: "BF16 [64, 64]"
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
  std::vector<std::unique_ptr<Branch>> below;

  Branch& part(const std::string& part_name) {
    for (const auto& branch : below) {
      if (branch->name == part_name && branch->kind.empty()) return *branch;
    }
    below.push_back(std::make_unique<Branch>());
    below.back()->name = part_name;
    return *below.back();
  }
};

// "a.{0..3}.b" at the dots that are not within braces.
std::vector<std::string> parts_of(const std::string& pattern) {
  std::vector<std::string> out(1);
  bool inside = false;
  for (const char c : pattern) {
    inside = c == '{' || (inside && c != '}');
    if (c == '.' && !inside) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

void add_pattern(Branch& root, const std::string& pattern, const std::string& kind, std::uint64_t tensors,
                 std::uint64_t bytes) {
  Branch* at = &root;
  const auto parts = parts_of(pattern);
  for (const std::string& part : parts) {
    at->tensors += tensors;
    at->bytes += bytes;
    if (&part != &parts.back()) at = &at->part(part);
  }
  auto leaf = std::make_unique<Branch>();
  leaf->name = parts.back();
  leaf->kind = kind;
  leaf->tensors = tensors;
  leaf->bytes = bytes;
  at->below.push_back(std::move(leaf));
}

struct TreeLine {
  std::string left;
  std::string right;
};

// A branch with one below it is a line with that one.
void list_branches(const Branch& branch, const std::string& indent, std::vector<TreeLine>& out) {
  for (const auto& child : branch.below) {
    const Branch* last = child.get();
    std::string name = last->name;
    while (last->kind.empty() && last->below.size() == 1) {
      last = last->below.front().get();
      name += "." + last->name;
    }
    const std::string count = last->tensors == 1 ? "" : fmt::format("{} tensors, ", last->tensors);
    out.push_back(
        {fmt::format("{}{}  {}", indent, visible(name), last->kind), count + human_bytes(last->bytes)});
    list_branches(*last, indent + "  ", out);
  }
}

}  // namespace

std::string inspect_tree(const Checkpoint& checkpoint) {
  // Layers that are alike are one branch: patterns over all tensors of a dtype and shape.
  std::vector<std::string> kinds;
  std::map<std::string, std::vector<std::string>> keys;
  std::map<std::string, std::uint64_t> bytes;
  for (const Tensor& tensor : checkpoint.tensors) {
    const std::string kind = header_of(tensor.dtype, tensor.shape);
    bytes[kind] = tensor.bytes;
    const auto [found, is_new] = keys.try_emplace(kind);
    if (is_new) kinds.push_back(kind);
    found->second.push_back(tensor.key);
  }
  Branch root;
  for (const std::string& kind : kinds) {
    for (const std::string& pattern : key_patterns(keys[kind])) {
      const std::uint64_t count = keys_of_pattern(pattern, checkpoint.tensors.size()).size();
      add_pattern(root, pattern, kind, count, count * bytes[kind]);
    }
  }
  std::vector<TreeLine> lines;
  list_branches(root, "", lines);
  lines.push_back({"total", fmt::format("{} tensors, {}", root.tensors, human_bytes(root.bytes))});
  std::size_t width = 0;
  std::size_t right = 0;
  for (const TreeLine& line : lines) {
    width = std::max(width, line.left.size());
    right = std::max(right, line.right.size());
  }
  std::string out;
  for (const TreeLine& line : lines)
    out += fmt::format("{:<{}}  {:>{}}\n", line.left, width, line.right, right);
  return out;
}

}  // namespace tenon
