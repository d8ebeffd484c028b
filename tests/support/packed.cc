// SPDX-License-Identifier: Apache-2.0
// SZDD and KWAJ after "Microsoft's SZDD, KWAJ file formats" of libmspack's
// documentation, KWAJ's method 3 after the comments of its kwajd.c; cabinets
// after [MS-CAB], LZX after [MS-PATCH].
#include "tests/support/packed.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/support/quantum.h"

extern char** environ;  // POSIX declares it nowhere

namespace detachfix::test {

namespace {

namespace fs = std::filesystem;

void Append(Bytes& bytes, uint64_t value, int width) {
  for (int i = 0; i < width; ++i) {
    bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
}

void Append(Bytes& bytes, const std::string& text, bool zero) {
  bytes.insert(bytes.end(), text.begin(), text.end());
  if (zero) bytes.push_back(0);
}

void Append(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

struct Match {
  size_t distance = 0;
  size_t length = 0;
};

/// The longest of the last 1000 bytes; slow and plain.
Match Longest(const Bytes& content, size_t at, size_t max_length) {
  Match best;
  for (size_t distance = 1; distance <= std::min<size_t>(at, 1000);
       ++distance) {
    size_t length = 0;
    while (length < max_length && at + length < content.size() &&
           content[at + length - distance] == content[at + length]) {
      ++length;
    }
    if (length > best.length) best = {distance, length};
  }
  return best;
}

/// LZSS with a window that is filled from `first` on.
Bytes PackLzss(const Bytes& content, size_t first) {
  Bytes packed;
  size_t flags = 0;
  int items = 8;
  for (size_t at = 0; at < content.size(); ++items) {
    if (items == 8) {
      items = 0;
      flags = packed.size();
      packed.push_back(0);
    }
    const Match match = Longest(content, at, 18);
    if (match.length < 3) {
      packed[flags] = static_cast<uint8_t>(packed[flags] | 1 << items);
      packed.push_back(content[at++]);
      continue;
    }
    const size_t from = (first + at - match.distance) % 4096;
    packed.push_back(static_cast<uint8_t>(from));
    packed.push_back(
        static_cast<uint8_t>((from >> 8 << 4) | (match.length - 3)));
    at += match.length;
  }
  return packed;
}

/// Bits, the highest of each byte first.
class BitWriter {
 public:
  void Put(size_t value, int count) {
    for (int i = count; i-- > 0;) {
      if (used_ == 0) bytes.push_back(0);
      bytes.back() =
          static_cast<uint8_t>(bytes.back() | (value >> i & 1) << (7 - used_));
      used_ = (used_ + 1) % 8;
    }
  }
  Bytes bytes;

 private:
  int used_ = 0;
};

/// KWAJ's method 3 with all five code tables of type 0: every symbol has a code
/// of equal length, its own number. A copy of length 3 to 17 from at most 4095
/// back is: its length less 2 (4 bits), its distance (12 bits); 0 in place of
/// the length is a run of 1 to 32 literals (5 bits, then 8 each).
Bytes PackLzh(const Bytes& content) {
  BitWriter bits;
  bits.Put(0, 24);
  for (size_t at = 0; at < content.size();) {
    const Match match = Longest(content, at, 17);
    if (match.length >= 3) {
      bits.Put(match.length - 2, 4);
      bits.Put(match.distance, 12);
      at += match.length;
      continue;
    }
    bits.Put(0, 4);
    bits.Put(0, 5);
    bits.Put(content[at++], 8);
  }
  return bits.bytes;
}

/// MSZIP blocks, each deflated by "storing" (RFC 1951 3.2.4), with their sizes.
Bytes PackMszip(const Bytes& content) {
  Bytes packed;
  for (size_t at = 0; at < content.size(); at += 32768) {
    const size_t size = std::min<size_t>(32768, content.size() - at);
    Append(packed, 2 + 5 + size, 2);
    Append(packed, "CK\x01", false);
    Append(packed, size, 2);
    Append(packed, ~size, 2);
    packed.insert(packed.end(),
                  content.begin() + static_cast<std::ptrdiff_t>(at),
                  content.begin() + static_cast<std::ptrdiff_t>(at + size));
  }
  Append(packed, 0, 2);
  return packed;
}

Bytes PackByMethod(uint16_t method, const Bytes& content) {
  Bytes packed = content;
  switch (method) {
    case 0:
      return packed;
    case 1:
      for (uint8_t& byte : packed) byte ^= 0xff;
      return packed;
    case 2:
      return PackLzss(content, 4096 - 18);
    case 3:
      return PackLzh(content);
    case 4:
      return PackMszip(content);
    default:
      throw std::logic_error("no such method");
  }
}

/// One uncompressed block of LZX: a zero bit (no translation of calls), 3 (3
/// bits), its size (24 bits), zero bits up to a word; three offsets; content.
Bytes PackLzx(const Bytes& content) {
  BitWriter bits;
  bits.Put(0, 1);
  bits.Put(3, 3);
  bits.Put(content.size(), 24);
  bits.Put(0, 4);
  Bytes packed = bits.bytes;
  // The bits are in little-endian words.
  std::swap(packed[0], packed[1]);
  std::swap(packed[2], packed[3]);
  for (int i = 0; i < 3; ++i) Append(packed, 1, 4);
  Append(packed, content);
  return packed;
}

Bytes Cabinet(const std::string& name, uint16_t compression,
              const Bytes& packed, size_t size) {
  const size_t data = 36 + 8 + 16 + name.size() + 1;
  Bytes file;
  Append(file, "MSCF", false);
  Append(file, 0, 4);
  Append(file, data + 8 + packed.size(), 4);
  Append(file, 0, 4);
  Append(file, 36 + 8, 4);  // coffFiles
  Append(file, 0, 4);
  Append(file, 0x0103, 2);  // version
  Append(file, 1, 2);       // cFolders
  Append(file, 1, 2);       // cFiles
  Append(file, 0, 6);       // flags, setID, iCabinet
  Append(file, data, 4);    // coffCabStart
  Append(file, 1, 2);       // cCFData
  Append(file, compression, 2);
  Append(file, size, 4);    // cbFile
  Append(file, 0, 6);       // uoffFolderStart, iFolder
  Append(file, 0x2821, 2);  // date: 2000-01-01
  Append(file, 0, 2);       // time
  Append(file, 0x20, 2);    // attribs
  Append(file, name, true);
  Append(file, 0, 4);  // csum: none
  Append(file, packed.size(), 2);
  Append(file, size, 2);
  Append(file, packed);
  return file;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = fs::temp_directory_path() / "packed-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() { fs::remove_all(path_); }

void WriteWhole(const fs::path& path, const Bytes& bytes) {
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
}

Bytes ReadWhole(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void RunProgram(const std::vector<std::string>& words, const fs::path& folder) {
  std::vector<std::string> copy = words;
  std::vector<char*> arguments;
  arguments.reserve(copy.size() + 1);
  for (std::string& word : copy) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr,
                                 arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error != 0 || waitpid(child, &status, 0) != child || status != 0) {
    throw std::runtime_error(words[0] + " failed");
  }
}

Bytes PackSzdd(const Bytes& content) {
  const TemporaryFolder folder;
  WriteWhole(folder.path() / "a.dll", content);
  RunProgram({"mscompress", "a.dll"}, folder.path());
  return ReadWhole(folder.path() / "a.dll_");
}

Bytes ExpandSzdd(const Bytes& packed) {
  const TemporaryFolder folder;
  WriteWhole(folder.path() / "a.dll_", packed);
  RunProgram({"msexpand", "a.dll_"}, folder.path());
  return ReadWhole(folder.path() / "a.dll");
}

Bytes PackCabinet(const std::vector<std::string>& names, const Bytes& content,
                  bool zip) {
  const TemporaryFolder folder;
  std::vector<std::string> words = {"gcab", "-c"};
  if (zip) words.push_back("-z");
  words.push_back("a.cab");
  for (const std::string& name : names) {
    WriteWhole(folder.path() / name, content);
    words.push_back(name);
  }
  RunProgram(words, folder.path());
  return ReadWhole(folder.path() / "a.cab");
}

Bytes ExtractCabinet(const Bytes& cabinet, const std::string& name) {
  const TemporaryFolder folder;
  WriteWhole(folder.path() / "a.cab", cabinet);
  RunProgram({"cabextract", "-q", "-d", "out", "a.cab"}, folder.path());
  return ReadWhole(folder.path() / "out" / name);
}

Bytes PackQbasic(const Bytes& content) {
  Bytes file = {'S', 'Z', ' ', 0x88, 0xf0, 0x27, 0x33, 0xd1};
  Append(file, content.size(), 4);
  Append(file, PackLzss(content, 4096 - 18));
  return file;
}

Bytes PackKwaj(const KwajSpec& spec, const Bytes& content) {
  Bytes optional;
  uint64_t flags = 0;
  if (spec.has_size) {
    flags |= 0x01;
    Append(optional, content.size(), 4);
  }
  if (!spec.name.empty()) {
    flags |= 0x08;
    Append(optional, spec.name, true);
  }
  if (!spec.extension.empty()) {
    flags |= 0x10;
    Append(optional, spec.extension, true);
  }
  if (!spec.text.empty()) {
    flags |= 0x20;
    Append(optional, spec.text.size(), 2);
    Append(optional, spec.text, false);
  }
  Bytes file = {'K', 'W', 'A', 'J', 0x88, 0xf0, 0x27, 0xd1};
  Append(file, spec.method, 2);
  Append(file, 14 + optional.size(), 2);
  Append(file, flags, 2);
  Append(file, optional);
  Append(file, PackByMethod(spec.method, content));
  return file;
}

Bytes PackLzxCabinet(const std::string& name, const Bytes& content) {
  // typeCompress: method 3, window of 2^15 bytes.
  return Cabinet(name, 0x0f03, PackLzx(content), content.size());
}

Bytes PackQuantumCabinet(const std::string& name, const Bytes& content) {
  // typeCompress: method 2, level 1, window of 2^15 bytes.
  return Cabinet(name, 0x0f12, PackQuantum(content), content.size());
}

Bytes WithNumber(Bytes bytes, size_t offset, size_t width, uint64_t value) {
  for (size_t i = 0; i < width; ++i) {
    bytes.at(offset + i) = static_cast<uint8_t>(value >> (8 * i));
  }
  return bytes;
}

}  // namespace detachfix::test
