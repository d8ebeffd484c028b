// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <variant>

#include "patcher/batch/cabinet_writer.h"
#include "patcher/batch/packing.h"
#include "patcher/batch/szdd_writer.h"

namespace detachfix {

namespace {

Result<Bytes> Write(const SzddForm& form, const Bytes& image) {
  if (form.qbasic) {
    return Error{"is of the SZDD variant of QBasic, which is not written"};
  }
  return WriteSzdd(image, form.missing_char);
}

Result<Bytes> Write(const KwajForm& /*form*/, const Bytes& /*image*/) {
  return Error{"is packed as KWAJ, which is not written"};
}

/// A signature is over the old bytes, and what else would be lost is unknown.
Result<Bytes> Write(const CabinetForm& form, const Bytes& image) {
  if (form.reserved > 0 || form.trailing > 0) {
    return Error{"the cabinet has " + std::to_string(form.reserved) +
                 " bytes of reserved areas and " +
                 std::to_string(form.trailing) +
                 " bytes after its end, as a signed one has, which would be "
                 "lost"};
  }
  return WriteCabinet(form, image);
}

bool SameForm(const SzddForm& a, const SzddForm& b) {
  return a.qbasic == b.qbasic && a.missing_char == b.missing_char;
}

bool SameForm(const KwajForm& /*a*/, const KwajForm& /*b*/) { return false; }

bool SameForm(const CabinetForm& a, const CabinetForm& b) {
  return a.name == b.name && a.date == b.date && a.time == b.time &&
         a.attributes == b.attributes &&
         (a.compression & 0xf) == (b.compression & 0xf) &&
         a.reserved == b.reserved && a.trailing == b.trailing;
}

}  // namespace

Result<Bytes> Repack(const PackedForm& form, const Bytes& image) {
  Result<Bytes> packed =
      std::visit([&](const auto& f) { return Write(f, image); }, form);
  if (!packed) return packed;
  const Result<Expanded> again = Expand(*packed);
  if (!again) {
    return Error{"what was packed does not expand: " + again.error().message};
  }
  const bool same_form = std::visit(
      [&](const auto& f) {
        using Form = std::decay_t<decltype(f)>;
        const Form* other = std::get_if<Form>(&again->form);
        return other != nullptr && SameForm(f, *other);
      },
      form);
  if (!same_form || again->image != image) {
    return Error{"what was packed expands to something else"};
  }
  return packed;
}

}  // namespace detachfix
