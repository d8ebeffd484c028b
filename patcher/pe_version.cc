// SPDX-License-Identifier: Apache-2.0
// VERSIONINFO: the resource tree (PE/COFF specification, "The .rsrc Section")
// down to RT_VERSION, then VS_VERSIONINFO, StringFileInfo, StringTable and
// String (Windows SDK, "VS_VERSIONINFO structure" and following).
//
// Read here rather than by LIEF, which reads all resources of a file to get at
// this one, and whose 0.9 throws at a VERSIONINFO without fixed file info. No
// loader reads it, so damage makes the strings absent and not the file bad.
#include <algorithm>

#include "patcher/ascii_text.h"
#include "patcher/bytes.h"
#include "patcher/image_reader.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr uint32_t kMaxResourceEntries = 4096;  // in one directory
constexpr uint32_t kMaxVersionNodes = 1024;
constexpr uint32_t kVersionType = 16;  // RT_VERSION
constexpr uint32_t kSubdirectory = 0x80000000;
constexpr uint32_t kNamed = 0x80000000;

// The target of the entry `id` of the directory at `directory`, or of its
// first entry: an offset from the tree's start.
std::optional<uint32_t> FindEntry(const ImageReader& reader, uint64_t directory,
                                  std::optional<uint32_t> id) {
  const std::optional<uint16_t> named = reader.U16(directory + 12);
  const std::optional<uint16_t> numbered = reader.U16(directory + 14);
  if (!named || !numbered) return std::nullopt;
  const uint32_t count =
      std::min(uint32_t{*named} + *numbered, kMaxResourceEntries);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t at = directory + 16 + uint64_t{i} * 8;
    const std::optional<uint32_t> name = reader.U32(at);
    const std::optional<uint32_t> target = reader.U32(at + 4);
    if (!name || !target) return std::nullopt;
    if (!id || (*name == *id && (*name & kNamed) == 0)) return target;
  }
  return std::nullopt;
}

// The bytes of the first version resource in its first language.
std::optional<std::span<const uint8_t>> FindVersion(const PeImage& image,
                                                    const ImageReader& reader) {
  const uint64_t root = image.directory(Directory::kResource).rva;
  if (root == 0) return std::nullopt;
  const std::optional<uint32_t> type = FindEntry(reader, root, kVersionType);
  if (!type || (*type & kSubdirectory) == 0) return std::nullopt;
  const std::optional<uint32_t> name =
      FindEntry(reader, root + (*type & ~kSubdirectory), std::nullopt);
  if (!name || (*name & kSubdirectory) == 0) return std::nullopt;
  const std::optional<uint32_t> language =
      FindEntry(reader, root + (*name & ~kSubdirectory), std::nullopt);
  if (!language || (*language & kSubdirectory) != 0) return std::nullopt;
  const std::optional<uint32_t> rva = reader.U32(root + *language);
  const std::optional<uint32_t> size = reader.U32(root + *language + 4);
  if (!rva || !size) return std::nullopt;
  return reader.Bytes(*rva, *size);
}

void AppendUtf8(std::string& text, uint32_t c) {
  const auto add = [&text](uint32_t byte) {
    text += static_cast<char>(static_cast<uint8_t>(byte));
  };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xc0 | c >> 6);
    add(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    add(0xe0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3f));
    add(0x80 | (c & 0x3f));
  } else {
    add(0xf0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3f));
    add(0x80 | (c >> 6 & 0x3f));
    add(0x80 | (c & 0x3f));
  }
}

// UTF-16 from `begin` up to a zero or `end`, as UTF-8; `begin` moves behind
// the zero. A surrogate without its other half becomes U+FFFD.
std::string ReadUtf16(const ByteReader& bytes, uint64_t& begin, uint64_t end) {
  std::string text;
  while (begin + 2 <= end) {
    uint32_t c = bytes.U16(begin).value_or(0);
    begin += 2;
    if (c == 0) break;
    const uint32_t low = begin + 2 <= end ? bytes.U16(begin).value_or(0) : 0;
    if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
      c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
      begin += 2;
    } else if (c >= 0xd800 && c < 0xe000) {
      c = 0xfffd;
    }
    AppendUtf8(text, c);
  }
  return text;
}

// One node: length, length of value, type, key, value, children.
struct Node {
  std::string key;
  uint64_t value = 0;     // offset
  uint64_t children = 0;  // offset
  uint64_t end = 0;
};

std::optional<Node> ReadNode(const ByteReader& bytes, uint64_t begin,
                             uint64_t limit) {
  const std::optional<uint16_t> length = bytes.U16(begin);
  const std::optional<uint16_t> value_length = bytes.U16(begin + 2);
  const std::optional<uint16_t> type = bytes.U16(begin + 4);
  if (!length || !value_length || !type || *length < 6) return std::nullopt;
  Node node;
  node.end = std::min(begin + *length, limit);
  uint64_t at = begin + 6;
  node.key = ReadUtf16(bytes, at, node.end);
  node.value = RoundUp(at, 4);
  // Of text the length is in characters; some compilers write bytes, so a
  // text's end is looked for and its length not used.
  node.children = RoundUp(node.value + *value_length, 4);
  return node;
}

void TakeString(const ByteReader& bytes, const Node& node,
                VersionResource& version) {
  const std::pair<const char*, std::string*> fields[] = {
      {"OriginalFilename", &version.original_filename},
      {"InternalName", &version.internal_name},
      {"FileDescription", &version.file_description},
      {"FileVersion", &version.file_version},
      {"ProductVersion", &version.product_version}};
  for (const auto& [key, field] : fields) {
    if (!EqualNoCase(node.key, key) || !field->empty()) continue;
    uint64_t at = node.value;
    *field = ReadUtf16(bytes, at, node.end);
  }
}

// Calls `visit` for each child of a node whose children begin at `at`.
template <typename Visit>
void EachChild(const ByteReader& bytes, uint64_t at, uint64_t end,
               const Visit& visit) {
  for (uint32_t i = 0; i < kMaxVersionNodes; ++i) {
    const std::optional<Node> child = ReadNode(bytes, at, end);
    if (!child || child->end <= at || at >= end) return;
    visit(*child);
    at = RoundUp(child->end, 4);
  }
}

}  // namespace

void ReadVersionResource(PeImage& image) {
  const ImageReader reader(image);
  const std::optional<std::span<const uint8_t>> found =
      FindVersion(image, reader);
  if (!found) return;
  const ByteReader bytes(*found);
  const std::optional<Node> root = ReadNode(bytes, 0, bytes.size());
  if (!root || !EqualNoCase(root->key, "VS_VERSION_INFO")) return;
  image.version.present = true;
  EachChild(bytes, root->children, root->end, [&](const Node& info) {
    if (!EqualNoCase(info.key, "StringFileInfo")) return;
    EachChild(bytes, info.children, info.end, [&](const Node& table) {
      EachChild(bytes, table.children, table.end, [&](const Node& string) {
        TakeString(bytes, string, image.version);
      });
    });
  });
}

}  // namespace detachfix
