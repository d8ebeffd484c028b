// SPDX-License-Identifier: Apache-2.0
// The only file that includes mspack.h. libmspack does all its reading and
// writing through the functions of an mspack_system (its manual, "File I/O
// abstraction"); ours knows two files: "in", the bytes at hand, and "out",
// which grows in memory up to a limit. Writing beyond that fails, and a failed
// write ends the expansion: a bomb costs no more than the limit.
#include "patcher/batch/mspack_expand.h"

#include <mspack.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace detachfix {

namespace {

constexpr char kInput[] = "in";
constexpr char kOutput[] = "out";

struct Memory {
  std::span<const uint8_t> input;
  Bytes output;
  uint64_t max_size = 0;
  bool passed_limit = false;
};

// libmspack hands back the pointer to the mspack_system, and to the
// mspack_file, that it was given; so these two begin with one.
struct System {
  mspack_system base{};
  Memory* memory = nullptr;
};
struct OpenFile {
  mspack_file base{};
  Memory* memory = nullptr;
  bool writes = false;
  uint64_t position = 0;  // in the input
};

OpenFile* Of(mspack_file* file) { return reinterpret_cast<OpenFile*>(file); }

mspack_file* Open(mspack_system* self, const char* name, int mode) {
  const std::string_view wanted =
      mode == MSPACK_SYS_OPEN_READ ? kInput : kOutput;
  if (name != wanted || mode == MSPACK_SYS_OPEN_APPEND) return nullptr;
  OpenFile* file = new OpenFile;
  file->memory = reinterpret_cast<System*>(self)->memory;
  file->writes = mode != MSPACK_SYS_OPEN_READ;
  return &file->base;
}

void Close(mspack_file* file) { delete Of(file); }

int Read(mspack_file* handle, void* buffer, int count) {
  OpenFile& file = *Of(handle);
  const std::span<const uint8_t> input = file.memory->input;
  if (file.writes || count < 0) return -1;
  const uint64_t rest = input.size() - file.position;
  const uint64_t size = std::min(static_cast<uint64_t>(count), rest);
  if (size > 0) std::memcpy(buffer, input.data() + file.position, size);
  file.position += size;
  return static_cast<int>(size);
}

int Write(mspack_file* handle, void* buffer, int count) {
  const OpenFile& file = *Of(handle);
  if (!file.writes || count < 0) return -1;
  Memory& memory = *file.memory;
  if (static_cast<uint64_t>(count) > memory.max_size - memory.output.size()) {
    memory.passed_limit = true;
    return -1;
  }
  const uint8_t* bytes = static_cast<const uint8_t*>(buffer);
  memory.output.insert(memory.output.end(), bytes, bytes + count);
  return count;
}

int Seek(mspack_file* handle, off_t offset, int mode) {
  OpenFile& file = *Of(handle);
  const off_t size = static_cast<off_t>(file.memory->input.size());
  off_t base = 0;
  if (mode == MSPACK_SYS_SEEK_CUR) base = static_cast<off_t>(file.position);
  if (mode == MSPACK_SYS_SEEK_END) base = size;
  // A header can name any offset: the sum is not made before it is known to
  // lie inside.
  if (file.writes || offset < -base || offset > size - base) return -1;
  file.position = static_cast<uint64_t>(base + offset);
  return 0;
}

off_t Tell(mspack_file* handle) {
  return static_cast<off_t>(Of(handle)->position);
}

void Message(mspack_file* /*file*/, const char* /*format*/, ...) {}

void* Allocate(mspack_system* /*self*/, size_t bytes) {
  return std::malloc(bytes);
}

void Copy(void* source, void* target, size_t bytes) {
  std::memcpy(target, source, bytes);
}

System MakeSystem(Memory& memory) {
  System system;
  system.base.open = &Open;
  system.base.close = &Close;
  system.base.read = &Read;
  system.base.write = &Write;
  system.base.seek = &Seek;
  system.base.tell = &Tell;
  system.base.message = &Message;
  system.base.alloc = &Allocate;
  system.base.free = &std::free;
  system.base.copy = &Copy;
  system.memory = &memory;
  return system;
}

const char* Meaning(int code) {
  switch (code) {
    case MSPACK_ERR_READ:
      return "the packed data are cut off";
    case MSPACK_ERR_SEEK:
      return "a header points outside of the file";
    case MSPACK_ERR_NOMEMORY:
      return "there is not enough memory to expand it";
    case MSPACK_ERR_SIGNATURE:
      return "its first bytes are not those of the format";
    case MSPACK_ERR_DATAFORMAT:
      return "a header or the packed data are damaged or cut off";
    case MSPACK_ERR_CHECKSUM:
      return "the checksum of a block of packed data is wrong";
    case MSPACK_ERR_DECRUNCH:
      return "the packed data are damaged";
    default:
      return "it cannot be expanded";
  }
}

int ExpandSzdd(System& system) {
  msszdd_decompressor* szdd = mspack_create_szdd_decompressor(&system.base);
  if (szdd == nullptr) return MSPACK_ERR_NOMEMORY;
  const int code = szdd->decompress(szdd, kInput, kOutput);
  mspack_destroy_szdd_decompressor(szdd);
  return code;
}

int ExpandKwaj(System& system) {
  mskwaj_decompressor* kwaj = mspack_create_kwaj_decompressor(&system.base);
  if (kwaj == nullptr) return MSPACK_ERR_NOMEMORY;
  const int code = kwaj->decompress(kwaj, kInput, kOutput);
  mspack_destroy_kwaj_decompressor(kwaj);
  return code;
}

int ExpandMscf(System& system) {
  mscab_decompressor* cab = mspack_create_cab_decompressor(&system.base);
  if (cab == nullptr) return MSPACK_ERR_NOMEMORY;
  mscabd_cabinet* cabinet = cab->open(cab, kInput);
  int code = cab->last_error(cab);
  if (cabinet != nullptr) {
    code = cab->extract(cab, cabinet->files, kOutput);
    cab->close(cab, cabinet);
  }
  mspack_destroy_cab_decompressor(cab);
  return code;
}

int Run(Packing packing, System& system) {
  switch (packing) {
    case Packing::kSzdd:
      return ExpandSzdd(system);
    case Packing::kKwaj:
      return ExpandKwaj(system);
    case Packing::kMscf:
      return ExpandMscf(system);
    case Packing::kNone:
      break;
  }
  return MSPACK_ERR_SIGNATURE;
}

}  // namespace

Result<Bytes> ExpandWithMspack(Packing packing, std::span<const uint8_t> bytes,
                               uint64_t max_size) {
  int unusable = 0;
  MSPACK_SYS_SELFTEST(unusable);
  if (unusable != 0) {
    return Error{"libmspack was built with another size of off_t"};
  }
  Memory memory{bytes, {}, max_size};
  System system = MakeSystem(memory);
  const int code = Run(packing, system);
  if (memory.passed_limit) {
    return Error{"it expands to more than " + std::to_string(max_size) +
                 " bytes"};
  }
  if (code == MSPACK_ERR_OK) return std::move(memory.output);
  return Error{std::string(Meaning(code)) + " (libmspack error " +
               std::to_string(code) + ")"};
}

}  // namespace detachfix
