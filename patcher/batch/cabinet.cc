// SPDX-License-Identifier: Apache-2.0
// Structures and names as in Microsoft's Cabinet File Format specification
// ([MS-CAB] 2.1 to 2.4, "Microsoft Cabinet Format" of the Cabinet SDK):
//
//   CFHEADER   36 bytes; then, by its flags: 4 bytes that say how much is
//              reserved and the reserved header area; name and disk of the
//              cabinet before, the same of the one after (zero-terminated)
//   CFFOLDER   8 bytes and the reserved folder area
//   CFFILE     16 bytes and the zero-terminated name, at coffFiles
//   CFDATA     8 bytes, the reserved block area, and the packed block; at
//              coffCabStart of the folder, one after the other
//
// libmspack reads the same and expands it. What is read here is what it does
// not tell or does not object to: how many bytes there are beyond what the
// headers speak of, at either end of each structure.
#include "patcher/batch/cabinet.h"

#include "patcher/bytes.h"

namespace detachfix {

namespace {

constexpr uint64_t kHeaderSize = 36;
constexpr uint64_t kMaxNameSize = 256;  // with its zero ([MS-CAB] 2.3)
constexpr uint16_t kHasPrevious = 0x0001;
constexpr uint16_t kHasNext = 0x0002;
constexpr uint16_t kHasReserved = 0x0004;
// CFFILE.iFolder of a file that continues from, or into, another cabinet.
constexpr uint16_t kFirstContinued = 0xfffd;

/// What of CFHEADER is used.
struct Header {
  uint32_t size = 0;          // cbCabinet
  uint32_t files_offset = 0;  // coffFiles
  uint16_t folders = 0;
  uint16_t files = 0;
  uint16_t flags = 0;
  uint16_t header_reserve = 0;
  uint8_t folder_reserve = 0;
  uint8_t data_reserve = 0;
  uint64_t end = 0;  // where the CFFOLDERs begin
};

/// What of CFFOLDER is used.
struct Folder {
  uint32_t data_offset = 0;  // coffCabStart
  uint16_t blocks = 0;       // cCFData
  uint16_t compression = 0;  // typeCompress
};

Error CutOff(const char* what, uint64_t offset, const ByteReader& reader) {
  return Error{"the cabinet's " + std::string(what) + " at byte " +
               std::to_string(offset) + " does not lie in the " +
               std::to_string(reader.size()) + " bytes of the file"};
}

Result<Header> ReadHeader(const ByteReader& reader) {
  if (!reader.Holds(0, kHeaderSize)) return CutOff("header", 0, reader);
  Header header;
  header.size = *reader.U32(8);
  header.files_offset = *reader.U32(16);
  header.folders = *reader.U16(26);
  header.files = *reader.U16(28);
  header.flags = *reader.U16(30);
  header.end = kHeaderSize;
  if (header.flags & kHasReserved) {
    if (!reader.Holds(header.end, 4)) {
      return CutOff("reserved area", header.end, reader);
    }
    header.header_reserve = *reader.U16(header.end);
    header.folder_reserve = *reader.U8(header.end + 2);
    header.data_reserve = *reader.U8(header.end + 3);
    header.end += 4 + uint64_t{header.header_reserve};
  }
  return header;
}

/// What one file alone cannot be, with the numbers.
Result<void> CheckSingle(const Header& header, uint64_t file_size) {
  if (header.flags & kHasPrevious) {
    return Error{"the cabinet continues another one (flags " +
                 std::to_string(header.flags) +
                 "): spanned cabinets are not "
                 "taken"};
  }
  if (header.flags & kHasNext) {
    return Error{"the cabinet is continued by another one (flags " +
                 std::to_string(header.flags) +
                 "): spanned cabinets are not "
                 "taken"};
  }
  if (header.files != 1 || header.folders != 1) {
    return Error{"the cabinet has " + std::to_string(header.files) +
                 " members in " + std::to_string(header.folders) +
                 " folders; taken is what has one member in one folder"};
  }
  if (header.size > file_size) {
    return Error{"the cabinet says that it has " + std::to_string(header.size) +
                 " bytes, the file has " + std::to_string(file_size)};
  }
  return {};
}

Result<Folder> ReadFolder(const ByteReader& reader, const Header& header) {
  if (!reader.Holds(header.end, 8)) {
    return CutOff("folder entry", header.end, reader);
  }
  Folder folder;
  folder.data_offset = *reader.U32(header.end);
  folder.blocks = *reader.U16(header.end + 4);
  folder.compression = *reader.U16(header.end + 6);
  return folder;
}

Result<CabinetMember> ReadMember(const ByteReader& reader,
                                 const Header& header) {
  const uint64_t offset = header.files_offset;
  if (!reader.Holds(offset, 16)) return CutOff("file entry", offset, reader);
  CabinetMember member;
  member.size = *reader.U32(offset);
  const uint32_t begin = *reader.U32(offset + 4);
  if (begin != 0) {
    return Error{"the cabinet's member begins " + std::to_string(begin) +
                 " bytes into its folder, which has no other member"};
  }
  const uint16_t folder = *reader.U16(offset + 8);
  if (folder != 0) {
    return Error{"the cabinet's member is in folder " + std::to_string(folder) +
                 (folder >= kFirstContinued ? ", which spans cabinets"
                                            : ", which is not there")};
  }
  member.form.date = *reader.U16(offset + 10);
  member.form.time = *reader.U16(offset + 12);
  member.form.attributes = *reader.U16(offset + 14);
  for (uint64_t at = offset + 16; at < offset + 16 + kMaxNameSize; ++at) {
    const std::optional<uint8_t> c = reader.U8(at);
    if (!c) return CutOff("file entry", offset, reader);
    if (*c == 0) return member;
    member.form.name.push_back(static_cast<char>(*c));
  }
  return Error{"the name of the cabinet's member has no end within " +
               std::to_string(kMaxNameSize) + " bytes"};
}

/// Walks the blocks, which must give what the member says.
Result<void> CheckData(const ByteReader& reader, const Header& header,
                       const Folder& folder, uint32_t member_size) {
  uint64_t offset = folder.data_offset;
  uint64_t expanded = 0;
  for (uint32_t i = 0; i < folder.blocks; ++i) {
    if (!reader.Holds(offset, 8)) return CutOff("data", offset, reader);
    const uint64_t packed = *reader.U16(offset + 4);
    expanded += *reader.U16(offset + 6);
    const uint64_t size = 8 + uint64_t{header.data_reserve} + packed;
    if (!reader.Holds(offset, size)) return CutOff("data", offset, reader);
    offset += size;
  }
  if (expanded != member_size) {
    return Error{"the cabinet's member has " + std::to_string(member_size) +
                 " bytes by its entry and " + std::to_string(expanded) +
                 " bytes by its " + std::to_string(folder.blocks) +
                 " data blocks"};
  }
  if (offset > header.size) {
    return Error{"the cabinet's data end at byte " + std::to_string(offset) +
                 ", the cabinet at byte " + std::to_string(header.size)};
  }
  return {};
}

}  // namespace

Result<CabinetMember> ReadCabinet(std::span<const uint8_t> bytes) {
  const ByteReader reader(bytes);
  const Result<Header> header = ReadHeader(reader);
  if (!header) return header.error();
  const Result<void> single = CheckSingle(*header, bytes.size());
  if (!single) return single.error();
  const Result<Folder> folder = ReadFolder(reader, *header);
  if (!folder) return folder.error();
  Result<CabinetMember> member = ReadMember(reader, *header);
  if (!member) return member;
  const Result<void> data = CheckData(reader, *header, *folder, member->size);
  if (!data) return data.error();
  member->form.compression = folder->compression;
  member->form.reserved = uint32_t{header->header_reserve} +
                          header->folder_reserve + header->data_reserve;
  member->form.trailing = bytes.size() - header->size;
  return member;
}

}  // namespace detachfix
