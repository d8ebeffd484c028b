// SPDX-License-Identifier: Apache-2.0
#ifndef DETACHFIX_PATCHER_SHA256_H_
#define DETACHFIX_PATCHER_SHA256_H_

#include <span>
#include <string>

#include "patcher/plan.h"

namespace detachfix {

/// SHA-256 of `bytes` (FIPS 180-4, by libcrypto).
Sha256 HashSha256(std::span<const uint8_t> bytes);

/// 64 lower-case hexadecimal digits.
std::string ToHex(const Sha256& hash);

/// Of libcrypto, as it is at run time: "3.0.17".
std::string OpenSslVersion();

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_SHA256_H_
