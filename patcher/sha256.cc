// SPDX-License-Identifier: Apache-2.0
#include "patcher/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

#include "patcher/hex_text.h"

namespace detachfix {

Sha256 HashSha256(std::span<const uint8_t> bytes) {
  Sha256 hash;
  unsigned size = 0;
  // It can fail only when libcrypto itself is broken or has no SHA-256. There
  // is nothing safe to do then: every proof we give rests on it.
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(),
                 nullptr) != 1 ||
      size != hash.size()) {
    std::fputs("detachfix: libcrypto gives no SHA-256\n", stderr);
    std::abort();
  }
  return hash;
}

std::string ToHex(const Sha256& hash) { return HexBytes(hash, ""); }

std::string OpenSslVersion() { return OpenSSL_version(OPENSSL_VERSION_STRING); }

}  // namespace detachfix
