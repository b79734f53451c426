#include "modules/cpu/cpu_weights.h"

#include <bit>
#include <cmath>
#include <span>
#include <stdexcept>

namespace tenon {
namespace {

class StoredWeight : public Weight {
 public:
  StoredWeight(const ModuleTensor& tensor, const NumberFormat& format)
      : Weight(tensor.shape),
        dtype_(tensor.dtype),
        size_(static_cast<std::size_t>(bits_of(tensor.dtype) / 8)),
        bytes_(tensor.bytes),
        format_(format) {}

  void read(std::size_t first, std::size_t count, float* out) const override {
    decode(dtype_, std::span(*bytes_).subspan(first * size_, count * size_), format_, out);
  }

 private:
  DType dtype_;
  std::size_t size_;
  std::shared_ptr<const Bytes> bytes_;
  NumberFormat format_;
};

class ReorderedWeight : public Weight {
 public:
  ReorderedWeight(SharedWeight before, std::size_t axis, std::vector<std::size_t> order)
      : Weight(before->shape()), before_(std::move(before)), order_(std::move(order)) {
    for (std::size_t i = axis + 1; i < shape().size(); ++i) slice_ *= static_cast<std::size_t>(shape()[i]);
  }

  void read(std::size_t first, std::size_t count, float* out) const override {
    while (count > 0) {
      const std::size_t place = first / slice_ % order_.size();
      const std::size_t base = first - first % slice_ - place * slice_;
      // As far as slices stay neighbours they are read at once.
      std::size_t slices = 1;
      while (slices * slice_ - first % slice_ < count && place + slices < order_.size() &&
             order_[place + slices] == order_[place] + slices)
        ++slices;
      const std::size_t run = std::min(count, slices * slice_ - first % slice_);
      before_->read(base + order_[place] * slice_ + first % slice_, run, out);
      first += run, count -= run, out += run;
    }
  }

 private:
  SharedWeight before_;
  std::vector<std::size_t> order_;
  std::size_t slice_ = 1;  // elements of a slice along the axis
};

class TransposedWeight : public Weight {
 public:
  explicit TransposedWeight(SharedWeight before) : Weight(before->shape()), before_(std::move(before)) {}

  void read(std::size_t first, std::size_t count, float* out) const override {
    const auto n = static_cast<std::size_t>(shape().front());
    for (std::size_t i = first; i < first + count; ++i) before_->read(i % n * n + i / n, 1, out++);
  }

 private:
  SharedWeight before_;
};

class ClearedWeight : public Weight {
 public:
  using Weight::Weight;
  void read(std::size_t, std::size_t count, float* out) const override { std::fill_n(out, count, 0.0F); }
};

// The number of the format whose last bit is the other one.
float flipped(const NumberFormat& format, float value) {
  if (format.dtype == DType::kF16 && std::abs(value) < 0x1p-14F) {
    const auto steps = static_cast<std::uint32_t>(std::abs(value) * 0x1p24F);
    return std::copysign(static_cast<float>(steps ^ 1U) * 0x1p-24F, value);
  }
  const int spare = format.dtype == DType::kBF16 ? 16 : format.dtype == DType::kF16 ? 13 : 0;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ (1U << spare));
}

// The middle element's last bit is the other one.
class FlippedWeight : public Weight {
 public:
  FlippedWeight(SharedWeight before, const NumberFormat& format)
      : Weight(before->shape()),
        before_(std::move(before)),
        middle_(Array<float>::count(shape()) / 2),
        format_(format) {}

  void read(std::size_t first, std::size_t count, float* out) const override {
    before_->read(first, count, out);
    if (first <= middle_ && middle_ < first + count)
      out[middle_ - first] = flipped(format_, out[middle_ - first]);
  }

 private:
  SharedWeight before_;
  std::size_t middle_;
  NumberFormat format_;
};

}  // namespace

SharedWeight stored_weight(const ModuleTensor& tensor, const NumberFormat& format) {
  if (!decodes(tensor.dtype)) refuse_dtype(tensor);
  return std::make_shared<StoredWeight>(tensor, format);
}

SharedWeight edited_weight(SharedWeight before, const WeightEdit& edit, const NumberFormat& format) {
  switch (edit.kind) {
    case WeightEdit::Kind::kReorder:
      return std::make_shared<ReorderedWeight>(std::move(before), edit.axis, edit.order);
    case WeightEdit::Kind::kTranspose:
      return std::make_shared<TransposedWeight>(std::move(before));
    case WeightEdit::Kind::kClear:
      return std::make_shared<ClearedWeight>(before->shape());
    case WeightEdit::Kind::kFlipBit:
      return std::make_shared<FlippedWeight>(std::move(before), format);
    case WeightEdit::Kind::kTake:
      break;
  }
  throw std::logic_error("this edit takes another weight");
}

}  // namespace tenon
