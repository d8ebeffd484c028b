// SPDX-License-Identifier: Apache-2.0
// rebuild FILE OUT: lets LIEF parse a file and write it unchanged to OUT, and
// prints one JSON object about what came of it; then the same question to us.
//
// LIEF's own settings for writing are taken (Binary::write). What counts as a
// part of the file is what our reader reads; "broken" says which parts of what
// LIEF wrote are others than they were, or why it cannot be read at all.
#include <LIEF/PE.hpp>
#include <LIEF/logging.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "patcher/patch_file.h"
#include "patcher/pe_checksum.h"
#include "patcher/pe_image.h"
#include "patcher/undo_record.h"
#include "patcher/verify_file.h"

namespace detachfix {
namespace {

using nlohmann::json;

Bytes Content(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

/// Why LIEF could not do it; empty when it did.
std::string WriteWithLief(const char* path, const char* out) {
  LIEF::Logger::disable();
  try {
    const std::unique_ptr<LIEF::PE::Binary> binary =
        LIEF::PE::Parser::parse(path);
    if (binary == nullptr) return "not parsed";
    binary->write(out);
  } catch (const std::exception& failure) {
    return std::string("raised: ") + failure.what();
  }
  return "";
}

template <typename Items, typename Project>
auto Listed(const Items& items, Project project) {
  std::vector<decltype(project(*items.begin()))> list;
  list.reserve(static_cast<size_t>(std::ranges::distance(items)));
  for (const auto& item : items) list.push_back(project(item));
  return list;
}

auto Sections(const PeImage& image) {
  return Listed(image.sections, [](const Section& s) {
    return std::tuple(s.name, s.rva, s.MemorySize(), s.characteristics);
  });
}

/// What the loader maps of a section: the first VirtualSize bytes.
auto SectionContents(const PeImage& image) {
  return Listed(image.sections, [&](const Section& s) {
    const uint32_t size = std::min(s.raw_size, s.MemorySize());
    const auto begin = image.bytes.begin() + s.raw_offset.value;
    Bytes content(begin, begin + size);
    content.resize(s.MemorySize());
    return content;
  });
}

auto Imports(const PeImage& image) {
  return Listed(image.imports, [](const ImportDescriptor& d) {
    return std::pair(d.dll, Listed(d.functions, [](const ImportedFunction& f) {
                       return std::pair(ToText(f.name), f.slot);
                     }));
  });
}

auto Exports(const PeImage& image) {
  return Listed(image.exports, [](const ExportedFunction& e) {
    return std::tuple(e.name, e.ordinal, e.rva, e.forwarder);
  });
}

auto Relocations(const PeImage& image) {
  return Listed(image.relocations, [](const BaseRelocation& r) {
    return std::tuple(r.rva, r.type, r.low);
  });
}

auto Version(const PeImage& image) {
  const VersionResource& v = image.version;
  return std::tuple(v.present, v.original_filename, v.internal_name,
                    v.file_description, v.file_version, v.product_version);
}

auto Debug(const PeImage& image) {
  return Listed(image.debug, [&](const DebugEntry& d) {
    const auto begin = image.bytes.begin() + d.raw_offset;
    return std::tuple(d.type, d.time_date_stamp, Bytes(begin, begin + d.size));
  });
}

Bytes Certificates(const PeImage& image) {
  const DataDirectory& table = image.directory(Directory::kCertificate);
  const auto begin = image.bytes.begin() + table.rva;
  return Bytes(begin, begin + table.size);
}

Bytes Overlay(const PeImage& image) {
  const auto begin = image.bytes.begin() + image.overlay_offset.value;
  return Bytes(begin, begin + image.overlay_size);
}

/// 0 is a CheckSum that nobody claims is right.
bool ChecksumHolds(const PeImage& image) {
  return image.checksum == 0 ||
         image.checksum == PeChecksum(image.bytes, image.checksum_offset);
}

/// The parts of `after` that are others than in `before`.
std::vector<std::string> Broken(const PeImage& before, const PeImage& after) {
  std::vector<std::string> parts;
  const auto compare = [&](const char* part, bool same) {
    if (!same) parts.emplace_back(part);
  };
  compare("entry point", before.entry_point == after.entry_point);
  compare("section table", Sections(before) == Sections(after));
  compare("section contents",
          SectionContents(before) == SectionContents(after));
  compare("imports", Imports(before) == Imports(after));
  compare("exports", Exports(before) == Exports(after));
  compare("relocations", Relocations(before) == Relocations(after));
  compare("version", Version(before) == Version(after));
  compare("debug records", Debug(before) == Debug(after));
  compare("certificates", Certificates(before) == Certificates(after));
  compare("overlay", Overlay(before) == Overlay(after));
  compare("CheckSum", !ChecksumHolds(before) || ChecksumHolds(after));
  return parts;
}

json AskLief(const char* path, const char* out, const Bytes& bytes,
             const PeImage& before) {
  json answer = {{"same_bytes", false}, {"same_size", false}};
  const std::string problem = WriteWithLief(path, out);
  if (!problem.empty()) {
    answer["broken"] = {problem};
    return answer;
  }
  const Bytes written = Content(out);
  answer["same_bytes"] = written == bytes;
  answer["same_size"] = written.size() == bytes.size();
  const Result<ReadPe> after = ReadPeImage(written);
  answer["broken"] = after && after->image
                         ? Broken(before, *after->image)
                         : std::vector<std::string>{"not readable"};
  if (!after) answer["message"] = after.error().message;
  return answer;
}

/// Reading and writing without a plan, and where the file leaks and can be
/// patched, patching and reverting.
json AskUs(const char* path, const Bytes& bytes, const PeImage& image) {
  json answer = {{"same_bytes", image.bytes == bytes}, {"reverted", nullptr}};
  VerifiedFile file = VerifyBytes(path, bytes, std::nullopt);
  if (file.outcome.diagnosis.verdict != Verdict::kLeaks) return answer;
  const Result<PatchedBytes> patched = PatchInMemory(file, {true});
  if (!patched) return answer;
  const VerifiedFile again =
      VerifyBytes(path, patched->bytes, patched->side_record);
  const Result<Bytes> reverted = Revert(patched->bytes, *again.undo);
  answer["reverted"] = reverted && *reverted == bytes;
  return answer;
}

int Run(const char* path, const char* out) {
  const Bytes bytes = Content(path);
  const Result<ReadPe> read = ReadPeImage(bytes);
  if (!read || !read->image) {
    std::puts("{}");  // not a file that either of us is for
    return 0;
  }
  const json answer = {{"lief", AskLief(path, out, bytes, *read->image)},
                       {"ours", AskUs(path, bytes, *read->image)}};
  std::puts(answer.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace detachfix

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: rebuild FILE OUT\n", stderr);
    return 64;
  }
  try {
    return detachfix::Run(argv[1], argv[2]);
  } catch (const std::exception& error) {  // out of memory
    std::fprintf(stderr, "rebuild: %s\n", error.what());
    return 70;
  }
}
