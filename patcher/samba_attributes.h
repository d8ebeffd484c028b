// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_SAMBA_ATTRIBUTES_H_
#define DETACHFIX_PATCHER_SAMBA_ATTRIBUTES_H_

#include <cstdint>
#include <optional>
#include <span>

namespace detachfix {

/// The DOS attributes ([MS-FSCC] 2.6) in a value of user.DOSATTRIB; nothing
/// when it holds none or has a form that is not known.
std::optional<uint32_t> SambaDosAttributes(std::span<const uint8_t> value);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SAMBA_ATTRIBUTES_H_
