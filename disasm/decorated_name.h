// SPDX-License-Identifier: Apache-2.0
// What Microsoft's C++ names say of the functions that they are of ("Decorated
// names", Microsoft C++ documentation).
#ifndef DETACHFIX_DISASM_DECORATED_NAME_H_
#define DETACHFIX_DISASM_DECORATED_NAME_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace detachfix {

/// How many bytes of arguments the function of that name removes from the stack
/// of an i386: none by __cdecl, those of its parameters by __thiscall and
/// __stdcall. Nothing where `name` is no such name, or does not say it: where
/// an object is passed by its value, and for all that is seldom seen.
std::optional<uint32_t> BytesPoppedByName(std::string_view name);

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_DECORATED_NAME_H_
