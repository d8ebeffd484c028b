// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/field_codec.h"

#include <algorithm>

namespace detachfix {

FieldWriter::FieldWriter(std::string_view kind) { Put(kind); }

void FieldWriter::Put(std::string_view text) {
  Put(Bytes(text.begin(), text.end()));
}

void FieldWriter::Put(const Bytes& bytes) {
  for (int shift = 0; shift < 32; shift += 8) {
    bytes_.push_back(static_cast<uint8_t>(bytes.size() >> shift));
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void FieldWriter::Put(const Sha256& hash) {
  bytes_.insert(bytes_.end(), hash.begin(), hash.end());
}

void FieldWriter::Put(bool flag) { bytes_.push_back(flag ? 1 : 0); }

FieldReader::FieldReader(std::span<const uint8_t> bytes, std::string_view kind)
    : reader_(bytes) {
  std::string found;
  Get(found);
  sound_ = sound_ && found == kind;
}

std::span<const uint8_t> FieldReader::Next(uint64_t size) {
  const auto range = reader_.Range(offset_, size);
  if (!range) sound_ = false;
  if (!sound_) return {};
  offset_ += size;
  return *range;
}

std::span<const uint8_t> FieldReader::NextSized() {
  const std::optional<uint32_t> size = reader_.U32(offset_);
  if (!size) sound_ = false;
  if (!sound_) return {};
  offset_ += 4;
  return Next(*size);
}

void FieldReader::Get(std::string& text) {
  const std::span<const uint8_t> bytes = NextSized();
  text.assign(bytes.begin(), bytes.end());
}

void FieldReader::Get(Bytes& bytes) {
  const std::span<const uint8_t> range = NextSized();
  bytes.assign(range.begin(), range.end());
}

void FieldReader::Get(Sha256& hash) {
  const std::span<const uint8_t> bytes = Next(hash.size());
  if (!bytes.empty()) std::ranges::copy(bytes, hash.begin());
}

void FieldReader::Get(bool& flag) {
  const std::span<const uint8_t> byte = Next(1);
  flag = !byte.empty() && byte[0] == 1;
  if (!byte.empty() && byte[0] > 1) sound_ = false;
}

}  // namespace detachfix
