// SPDX-License-Identifier: Apache-2.0
// Packed files for tests, by other hands where there are any: mscompress and
// gcab of Debian. KWAJ and the rarer variants are written here after their
// published description, in the plainest way; nobody else writes them.
#ifndef DETACHFIX_TESTS_SUPPORT_PACKED_H_
#define DETACHFIX_TESTS_SUPPORT_PACKED_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "patcher/plan.h"

namespace detachfix::test {

/// A folder that is gone at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void WriteWhole(const std::filesystem::path& path, const Bytes& bytes);
Bytes ReadWhole(const std::filesystem::path& path);

/// Runs a program without its output. A program that fails, or is not there,
/// is thrown as std::runtime_error.
void RunProgram(const std::vector<std::string>& words,
                const std::filesystem::path& folder);

/// SZDD by mscompress, which stores no missing character (0, at offset 9).
Bytes PackSzdd(const Bytes& content);
/// SZDD expanded by msexpand.
Bytes ExpandSzdd(const Bytes& packed);
/// A cabinet by gcab, with the member `name`; MSZIP or without compression.
Bytes PackCabinet(const std::vector<std::string>& names, const Bytes& content,
                  bool zip);
/// The first member of a cabinet by cabextract.
Bytes ExtractCabinet(const Bytes& cabinet, const std::string& name);

/// The QBasic variant of SZDD.
Bytes PackQbasic(const Bytes& content);

struct KwajSpec {
  uint16_t method = 0;
  bool has_size = true;
  std::string name;       ///< without extension; empty: no such header
  std::string extension;  ///< the same
  std::string text;       ///< the same
};
Bytes PackKwaj(const KwajSpec& spec, const Bytes& content);

/// A cabinet whose folder is compressed by LZX, in one block that holds
/// `content` as it is. At most 32 KiB.
Bytes PackLzxCabinet(const std::string& name, const Bytes& content);

/// The same of Quantum, which really compresses.
Bytes PackQuantumCabinet(const std::string& name, const Bytes& content);

/// Overwrites the little-endian number of `width` bytes at `offset`.
Bytes WithNumber(Bytes bytes, size_t offset, size_t width, uint64_t value);

}  // namespace detachfix::test

#endif  // DETACHFIX_TESTS_SUPPORT_PACKED_H_
