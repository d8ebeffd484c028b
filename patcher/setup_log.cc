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
#include <charconv>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "patcher/ascii_text.h"
#include "patcher/hex_text.h"

namespace detachfix {

namespace {

/// Where the texts between quotation marks stand in a line.
struct QuotedText {
  size_t offset = 0;
  size_t size = 0;
};

std::vector<QuotedText> QuotedTexts(const std::string& line) {
  std::vector<QuotedText> texts;
  size_t begin = line.find('"');
  while (begin != std::string::npos) {
    const size_t end = line.find('"', begin + 1);
    if (end == std::string::npos) break;
    texts.push_back({begin + 1, end - begin - 1});
    begin = line.find('"', end + 1);
  }
  return texts;
}

/// A number in a line.
struct Number {
  uint32_t value = 0;
  size_t offset = 0;
  size_t size = 0;
};

/// The number that the second of the quoted texts is.
std::optional<Number> NumberIn(const std::string& line) {
  const std::vector<QuotedText> texts = QuotedTexts(line);
  if (texts.size() < 2 || texts[1].size == 0) return std::nullopt;
  Number number{0, texts[1].offset, texts[1].size};
  const char* first = line.data() + number.offset;
  const char* last = first + number.size;
  const auto [end, error] = std::from_chars(first, last, number.value, 16);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

/// The path that `line`, in lower case, is about: what stands before '='.
std::optional<std::string> PathOf(const std::string& line) {
  const size_t equals = line.find('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  return line.substr(0, line.find_last_not_of(" \t", equals - 1) + 1);
}

/// The number behind the '=' of `line`.
std::optional<Number> RecordedNumber(const std::string& line) {
  const size_t equals = line.find('=');
  std::optional<Number> number = NumberIn(line.substr(equals));
  if (number) number->offset += equals;
  return number;
}

Error NoCheckSum(const std::string& name) {
  return Error{"the line of " + name + " has no checksum"};
}

}  // namespace

Result<uint32_t> RecordedCheckSum(std::string_view log,
                                  const std::string& name) {
  std::set<uint32_t> found;
  while (!log.empty()) {
    const size_t end = std::min(log.find('\n'), log.size());
    const std::string line = LowerAscii(log.substr(0, end));
    log.remove_prefix(std::min(end + 1, log.size()));
    const std::optional<std::string> path = PathOf(line);
    if (!path || !path->ends_with("\\" + name)) continue;
    const std::optional<Number> sum = RecordedNumber(line);
    if (!sum) return NoCheckSum(name);
    found.insert(sum->value);
  }
  if (found.empty()) return Error{"has no line of " + name};
  if (found.size() > 1) {
    return Error{"has several checksums of " + name + ": " +
                 HexNumber(*found.begin()) + ", " + HexNumber(*found.rbegin())};
  }
  return *found.begin();
}

Result<SetupLogLine> FindSetupLogLine(std::string_view log,
                                      const std::string& name) {
  if (log.starts_with("\xff\xfe") || log.starts_with("\xfe\xff")) {
    return Error{"is UTF-16 text, which Setup of NT 4.0 does not write"};
  }
  std::optional<SetupLogLine> found;
  size_t count = 0;
  for (size_t begin = 0; begin < log.size();) {
    const size_t end = std::min(log.find('\n', begin), log.size());
    SetupLogLine line{begin, std::string(log.substr(begin, end - begin))};
    begin = end + 1;
    if (line.text.ends_with('\r')) line.text.pop_back();
    const std::optional<std::string> path = PathOf(LowerAscii(line.text));
    if (!path || !path->ends_with("\\system32\\" + name)) continue;
    if (++count == 1) found = std::move(line);
  }
  if (!found) return Error{"has no line of system32\\" + name};
  if (count > 1) {
    return Error{"has " + std::to_string(count) + " lines of system32\\" +
                 name};
  }
  const std::optional<Number> number = RecordedNumber(found->text);
  if (!number) return NoCheckSum(name);
  found->check_sum = number->value;
  found->number_offset = number->offset;
  found->number_size = number->size;
  return std::move(*found);
}

std::string WithCheckSum(const SetupLogLine& line, uint32_t check_sum) {
  const std::string old =
      line.text.substr(line.number_offset, line.number_size);
  std::string number = HexNumber(check_sum).substr(2);  // without "0x"
  const bool upper =
      std::ranges::any_of(old, [](char c) { return c >= 'A' && c <= 'F'; });
  if (upper) {
    for (char& c : number) {
      if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    }
  }
  std::string text = line.text;
  return text.replace(line.number_offset, line.number_size, number);
}

}  // namespace detachfix
