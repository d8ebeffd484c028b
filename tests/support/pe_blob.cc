// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pe_blob.h"

#include <cctype>
#include <stdexcept>

namespace detachfix::test {

void Blob::Label(const std::string& name) {
  if (!labels.emplace(name, size()).second) {
    throw std::logic_error("label twice: " + name);
  }
}

void Blob::Zero(uint32_t count) { bytes.resize(bytes.size() + count); }

void Blob::Align(uint32_t alignment, uint8_t fill) {
  while (bytes.size() % alignment != 0) bytes.push_back(fill);
}

void Blob::U8(uint32_t value, const std::string& field) {
  if (!field.empty()) fields[field] = {size(), 1};
  bytes.push_back(static_cast<uint8_t>(value));
}

void Blob::U16(uint32_t value, const std::string& field) {
  if (!field.empty()) fields[field] = {size(), 2};
  U8(value & 0xff);
  U8(value >> 8);
}

void Blob::U32(uint32_t value, const std::string& field) {
  if (!field.empty()) fields[field] = {size(), 4};
  U16(value & 0xffff);
  U16(value >> 16);
}

void Blob::Ref(Reference kind, const std::string& place,
               const std::string& field) {
  const uint32_t width = kind == Reference::kRelative8 ? 1 : 4;
  if (!field.empty()) fields[field] = {size(), width};
  fixups.push_back({size(), kind, place});
  Zero(width);
}

void Blob::Text(const std::string& text) {
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.push_back(0);
}

void Blob::Utf16(const std::string& text) {
  for (const char c : text) U16(static_cast<uint8_t>(c));
  U16(0);
}

namespace {

// Splits at spaces; a comment ends with its line, quotes hold spaces.
std::vector<std::string> Words(const std::string& content) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  bool comment = false;
  for (const char c : content + "\n") {
    if (comment) {
      comment = c != '\n';
      continue;
    }
    if (!quoted && c == ';') {
      comment = true;
    }
    if (!quoted && (comment || std::isspace(static_cast<unsigned char>(c)))) {
      if (!word.empty()) words.push_back(word);
      word.clear();
      continue;
    }
    if (c == '\'') quoted = !quoted;
    word += c;
  }
  return words;
}

uint32_t Number(const std::string& text, int base) {
  return static_cast<uint32_t>(std::stoul(text, nullptr, base));
}

void AddBytes(Blob& blob, const std::string& word) {
  if (word.size() % 2 != 0 ||
      word.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    throw std::logic_error("not in the content language: " + word);
  }
  for (size_t i = 0; i < word.size(); i += 2) {
    blob.U8(Number(word.substr(i, 2), 16));
  }
}

// fill:COUNT:BYTE or align:COUNT:BYTE.
void AddFill(Blob& blob, const std::string& word) {
  const size_t first = word.find(':');
  const size_t second = word.find(':', first + 1);
  const uint32_t count = Number(word.substr(first + 1, second - first - 1), 0);
  const uint32_t fill = Number(word.substr(second + 1), 16);
  if (word.starts_with("align:")) {
    blob.Align(count, static_cast<uint8_t>(fill));
  } else {
    blob.bytes.insert(blob.bytes.end(), count, static_cast<uint8_t>(fill));
  }
}

void AddWord(Blob& blob, const std::string& word) {
  const std::string inside =
      word.size() > 2 ? word.substr(1, word.size() - 2) : "";
  if (word.front() == '\'') {
    blob.bytes.insert(blob.bytes.end(), inside.begin(), inside.end());
  } else if (word.front() == '[') {
    blob.Ref(Reference::kVa, inside);
  } else if (word.front() == '<') {
    blob.Ref(Reference::kRva, inside);
  } else if (word.front() == '{') {
    blob.Ref(Reference::kRelative32, inside);
  } else if (word.front() == '(') {
    blob.Ref(Reference::kRelative8, inside);
  } else if (word.back() == ':') {
    blob.Label(word.substr(0, word.size() - 1));
  } else if (word.starts_with("zero:")) {
    blob.Zero(Number(word.substr(5), 0));
  } else if (word.starts_with("fill:") || word.starts_with("align:")) {
    AddFill(blob, word);
  } else {
    AddBytes(blob, word);
  }
}

}  // namespace

Blob ParseContent(const std::string& content) {
  Blob blob;
  for (const std::string& word : Words(content)) AddWord(blob, word);
  return blob;
}

}  // namespace detachfix::test
