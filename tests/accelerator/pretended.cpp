// A pretended accelerator in the place that PyTorch keeps for new devices (PrivateUse1).
//
// Its memory is the CPU's and its kernels are the CPU's, so that it runs anywhere. What it adds is what real
// devices refuse: tensors of two devices in one operation, a generator of another device, float64.

#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/extension.h>

using at::IntArrayRef;
using at::ScalarType;
using at::Tensor;
using std::optional;

namespace {

constexpr auto DEVICE = c10::DeviceType::PrivateUse1;
constexpr auto KEY = c10::DispatchKey::PrivateUse1;
bool has_float64 = false;

bool here(const Tensor& x) { return x.defined() && x.device().type() == DEVICE; }

void check_type(ScalarType type) {
  bool wide = type == ScalarType::Double || type == ScalarType::ComplexDouble;
  TORCH_CHECK_TYPE(has_float64 || !wide, "pretended: this device has no float64, as Apple's MPS");
}

[[noreturn]] void refuse_two_devices(const std::string& name) {
  TORCH_CHECK(false, "Expected all tensors to be on the same device, but found pretended:0 and cpu, in ", name);
}

// ---- memory: the CPU's, under another name ----

struct Memory final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* start = bytes ? c10::alloc_cpu(bytes) : nullptr;
    return {start, start, &give_back, c10::Device(DEVICE, 0)};
  }
  static void give_back(void* start) {
    if (start) c10::free_cpu(start);
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
} memory;

void resize_storage(const c10::Storage& storage, size_t bytes) {
  auto larger = memory.allocate(bytes);
  size_t kept = std::min(bytes, storage.nbytes());
  if (kept) memcpy(larger.get(), storage.data(), kept);
  storage.unsafeGetStorageImpl()->set_data_ptr_noswap(std::move(larger));
  storage.unsafeGetStorageImpl()->set_nbytes(bytes);
}

// ---- what PyTorch asks a device for: one of it, always ready ----

struct Guard final : c10::impl::DeviceGuardImplInterface {
  static constexpr c10::DeviceType static_type = DEVICE;
  c10::DeviceType type() const override { return DEVICE; }
  c10::Device getDevice() const override { return {DEVICE, 0}; }
  c10::Device exchangeDevice(c10::Device) const override { return {DEVICE, 0}; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  c10::Stream getStream(c10::Device device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, c10::DeviceIndex) const noexcept override {}
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    static at::Generator cpu = at::globalContext().defaultGenerator(c10::Device(c10::kCPU));
    return cpu;
  }
  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t bytes) const override {
    resize_storage(storage, bytes);
  }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

// ---- tensors: made, looked at in other shapes, copied ----

Tensor empty(IntArrayRef size, optional<ScalarType> type, optional<at::Layout>, optional<at::Device>, optional<bool>,
             optional<at::MemoryFormat> format) {
  auto chosen = type.value_or(at::get_default_dtype_as_scalartype());
  check_type(chosen);
  return at::detail::empty_generic(size, &memory, c10::DispatchKeySet(KEY), chosen, format);
}

Tensor empty_strided(IntArrayRef size, IntArrayRef stride, optional<ScalarType> type, optional<at::Layout>,
                     optional<at::Device>, optional<bool>) {
  auto chosen = type.value_or(at::get_default_dtype_as_scalartype());
  check_type(chosen);
  return at::detail::empty_strided_generic(size, stride, &memory, c10::DispatchKeySet(KEY), chosen);
}

Tensor as_strided(const Tensor& x, IntArrayRef size, IntArrayRef stride, optional<int64_t> offset) {
  return at::native::as_strided_tensorimpl(x, size, stride, offset);
}

const Tensor& resize(const Tensor& x, IntArrayRef size, optional<at::MemoryFormat>) {
  auto bytes = at::detail::computeStorageNbytesContiguous(size, x.dtype().itemsize(), x.storage_offset());
  if (bytes > x.storage().nbytes()) resize_storage(x.storage(), bytes);
  x.unsafeGetTensorImpl()->set_sizes_contiguous(size);
  return x;
}

Tensor& set_storage(Tensor& x, at::Storage storage, int64_t offset, IntArrayRef size, IntArrayRef stride) {
  x.unsafeGetTensorImpl()->set_storage_keep_dtype(std::move(storage));
  x.unsafeGetTensorImpl()->set_sizes_and_strides(size, stride, offset);
  return x;
}

Tensor& set_whole_storage(Tensor& x, at::Storage storage) {
  auto length = static_cast<int64_t>(storage.nbytes() / x.dtype().itemsize());
  return set_storage(x, std::move(storage), 0, {length}, {1});
}

Tensor& set_tensor(Tensor& x, const Tensor& source) {
  return set_storage(x, source.storage(), source.storage_offset(), source.sizes(), source.strides());
}

// The same numbers, seen as a CPU tensor: no copy. The answer must not outlive x.
Tensor seen_from_cpu(const Tensor& x) {
  if (!here(x)) return x;
  auto seen = at::from_blob(x.mutable_data_ptr(), x.sizes(), x.strides(), x.options().device(at::kCPU));
  return x.is_conj() ? seen.conj() : seen;
}

Tensor copy_from(const Tensor& from, const Tensor& to, bool) {
  seen_from_cpu(to).copy_(seen_from_cpu(from));
  return to;
}

Tensor copy_from_and_resize(const Tensor& from, const Tensor& to) {
  if (to.sizes() != from.sizes()) to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Scalar item(const Tensor& x) { return seen_from_cpu(x).item(); }

Tensor moved_here(const Tensor& cpu) {
  if (!cpu.defined()) return cpu;
  auto moved = empty_strided(cpu.sizes(), cpu.strides(), cpu.scalar_type(), {}, {}, {});
  seen_from_cpu(moved).copy_(cpu);
  return moved;
}

// ---- operations: the CPU's, after a look at where everything lies ----

// Numbers without a dimension may lie on the CPU, and so may the index of x[index]: as on CUDA.
void check_devices(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const auto& name = op.schema().operator_name().name;
  bool some_here = false, some_elsewhere = false;
  auto look = [&](const Tensor& x) {
    if (here(x)) some_here = true;
    else if (x.defined() && x.dim() > 0) some_elsewhere = true;
  };
  for (const auto& value : torch::jit::last(stack, op.schema().arguments().size())) {
    if (value.isTensor()) look(value.toTensor());
    else if (value.isTensorList()) for (const auto& x : value.toTensorVector()) look(x);
    else if (value.isOptionalTensorList()) for (const auto& x : value.toOptionalTensorVector()) look(x.value_or(Tensor()));
    else if (value.isGenerator() && value.toGenerator().defined())
      TORCH_CHECK(value.toGenerator().device().type() == DEVICE,
                  "Expected a 'pretended' device type for generator but found 'cpu', in ", name);
  }
  bool indexes = name.rfind("aten::index", 0) == 0 || name == "aten::_index_put_impl_";
  if (some_here && some_elsewhere && !indexes) refuse_two_devices(name);
}

void on_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  check_devices(op, *stack);
  at::native::cpu_fallback(op, stack);
}

// A device brings its own convolution: PyTorch does not send this one to the fallback.
Tensor convolution(const Tensor& x, const Tensor& weight, const optional<Tensor>& bias, IntArrayRef stride,
                   IntArrayRef padding, IntArrayRef dilation, bool transposed, IntArrayRef output_padding,
                   int64_t groups) {
  optional<Tensor> bias_seen;
  if (bias && bias->defined()) bias_seen = seen_from_cpu(*bias);
  if (!here(x) || !here(weight) || (bias_seen && !here(*bias))) refuse_two_devices("convolution");
  return moved_here(at::convolution(seen_from_cpu(x), seen_from_cpu(weight), bias_seen, stride, padding, dilation,
                                    transposed, output_padding, groups));
}

std::tuple<Tensor, Tensor, Tensor> convolution_backward(
    const Tensor& grad, const Tensor& x, const Tensor& weight, IntArrayRef stride, IntArrayRef padding,
    IntArrayRef dilation, bool transposed, IntArrayRef output_padding, int64_t groups, std::array<bool, 3> wanted) {
  if (!here(grad) || !here(x) || !here(weight)) refuse_two_devices("convolution_backward");
  int64_t bias_size[] = {grad.size(1)};
  auto [of_x, of_weight, of_bias] = at::convolution_backward(
      seen_from_cpu(grad), seen_from_cpu(x), seen_from_cpu(weight), at::OptionalIntArrayRef(IntArrayRef(bias_size)),
      stride, padding, dilation, transposed, output_padding, groups, wanted);
  return {moved_here(of_x), moved_here(of_weight), moved_here(of_bias)};
}

int64_t plain_attention(const Tensor&, const Tensor&, const Tensor&, const optional<Tensor>&, double, bool,
                        optional<double>, bool) {
  return 0;  // softmax(q k^T) v in the open, which the fallback takes
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_cpu>()); }
TORCH_LIBRARY_IMPL(_, AutocastPrivateUse1, m) { m.fallback(torch::CppFunction::makeFallthrough()); }
TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("as_strided", as_strided);
  m.impl("view", [](const Tensor& x, IntArrayRef size) { return at::native::view(x, size); });
  m.impl("unfold", [](const Tensor& x, int64_t d, int64_t s, int64_t p) { return at::native::unfold(x, d, s, p); });
  m.impl("_reshape_alias", [](const Tensor& x, IntArrayRef size, IntArrayRef stride) {
    return at::native::_reshape_alias(x, size, stride);
  });
  m.impl("resize_", resize);
  m.impl("set_.source_Storage_storage_offset", set_storage);
  m.impl("set_.source_Storage", set_whole_storage);
  m.impl("set_.source_Tensor", set_tensor);
  m.impl("_copy_from", copy_from);
  m.impl("_copy_from_and_resize", copy_from_and_resize);
  m.impl("_local_scalar_dense", item);
  m.impl("convolution_overrideable", convolution);
  m.impl("convolution_backward_overrideable", convolution_backward);
  m.impl("_fused_sdp_choice", plain_attention);
}

struct Registered {
  Registered() {
    c10::SetAllocator(DEVICE, &memory);
    at::RegisterPrivateUse1HooksInterface(new Hooks());
  }
} registered;

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("allow_float64", [](bool yes) { has_float64 = yes; });
}
