// SPDX-License-Identifier: Apache-2.0
// KB Q150497 and Q164471 show the lines of its section [Files.WinNt]:
//
//   \WINNT\system32\ntoskrnl.exe = "ntoskrnl.exe","d7db0"
//
// path, name on the media, and a number in hexadecimal. What number it is they
// do not say; that of kernel32.dll in KB Q168132 less the size of that file is
// below 0x10000, which is the form of the PE CheckSum: a sum folded to 16 bits,
// plus the length.
#include "patcher/setup_log.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>
#include <vector>

#include "patcher/hex_text.h"

namespace detachfix {

namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return lower;
}

/// The texts between quotation marks.
std::vector<std::string> QuotedTexts(const std::string& line) {
  std::vector<std::string> texts;
  size_t begin = line.find('"');
  while (begin != std::string::npos) {
    const size_t end = line.find('"', begin + 1);
    if (end == std::string::npos) break;
    texts.push_back(line.substr(begin + 1, end - begin - 1));
    begin = line.find('"', end + 1);
  }
  return texts;
}

/// The number that the second of the quoted texts is.
std::optional<uint32_t> NumberIn(const std::string& line) {
  const std::vector<std::string> texts = QuotedTexts(line);
  if (texts.size() < 2 || texts[1].empty()) return std::nullopt;
  uint32_t number = 0;
  const char* last = texts[1].data() + texts[1].size();
  const auto [end, error] = std::from_chars(texts[1].data(), last, number, 16);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

}  // namespace

Result<uint32_t> RecordedCheckSum(std::string_view log,
                                  const std::string& name) {
  std::set<uint32_t> found;
  while (!log.empty()) {
    const size_t end = std::min(log.find('\n'), log.size());
    const std::string line = Lower(log.substr(0, end));
    log.remove_prefix(std::min(end + 1, log.size()));
    const size_t equals = line.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string path =
        line.substr(0, line.find_last_not_of(" \t", equals - 1) + 1);
    if (!path.ends_with("\\" + name)) continue;
    const std::optional<uint32_t> sum = NumberIn(line.substr(equals));
    if (!sum) return Error{"the line of " + name + " has no checksum"};
    found.insert(*sum);
  }
  if (found.empty()) return Error{"has no line of " + name};
  if (found.size() > 1) {
    return Error{"has several checksums of " + name + ": " +
                 HexNumber(*found.begin()) + ", " + HexNumber(*found.rbegin())};
  }
  return *found.begin();
}

}  // namespace detachfix
