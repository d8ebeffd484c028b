// SPDX-License-Identifier: Apache-2.0
// Plain records as bytes, for the ledger: fields one after the other, texts and
// byte strings behind their length in 32 bits, little-endian.
#ifndef DETACHFIX_PATCHER_BATCH_FIELD_CODEC_H_
#define DETACHFIX_PATCHER_BATCH_FIELD_CODEC_H_

#include <span>
#include <string>
#include <string_view>

#include "patcher/bytes.h"
#include "patcher/plan.h"

namespace detachfix {

class FieldWriter {
 public:
  /// `kind` says what the record is and in which version of its layout.
  explicit FieldWriter(std::string_view kind);
  void Put(std::string_view text);
  void Put(const Bytes& bytes);
  void Put(const Sha256& hash);
  void Put(bool flag);
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

/// Reads the same fields in the same order. What does not stand there reads as
/// empty, and `complete` tells.
class FieldReader {
 public:
  FieldReader(std::span<const uint8_t> bytes, std::string_view kind);
  void Get(std::string& text);
  void Get(Bytes& bytes);
  void Get(Sha256& hash);
  void Get(bool& flag);
  /// Whether everything stood there, and nothing more.
  bool complete() const { return sound_ && offset_ == reader_.size(); }

 private:
  std::span<const uint8_t> Next(uint64_t size);
  std::span<const uint8_t> NextSized();

  ByteReader reader_;
  uint64_t offset_ = 0;
  bool sound_ = true;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_FIELD_CODEC_H_
