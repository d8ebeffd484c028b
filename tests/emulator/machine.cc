// SPDX-License-Identifier: Apache-2.0
// Unicorn 2 leaves a 32-bit machine with a 16-bit stack segment as soon as any
// segment register is loaded, so all of them are loaded from a descriptor table
// (IA-32 SDM volume 3, 3.4.5): flat code and data, and FS based at the thread
// block. The table's page is taken away again: the hidden parts of the segment
// registers stay.
//
// Pages carry the protections; two things are finer than a page and checked for
// each instruction and each write: code must lie within a section's
// VirtualSize, and so must what is written.
#include "tests/emulator/machine.h"

#include <unicorn/unicorn.h>

#include <cassert>
#include <utility>

#include "tests/emulator/pe_file.h"

namespace detachfix::emulator {
namespace {

constexpr uint64_t kMaxInstructions = 5'000'000;
constexpr uint32_t kDescriptors = 0xfffe0000;
// Selectors: index times eight.
constexpr uint32_t kCodeSelector = 0x08;
constexpr uint32_t kDataSelector = 0x10;
constexpr uint32_t kThreadSelector = 0x38;

uint64_t Descriptor(uint32_t base, uint32_t limit, uint64_t type,
                    uint64_t granularity) {
  return (limit & 0xffff) | uint64_t{base & 0xffffff} << 16 | type << 40 |
         uint64_t{limit >> 16} << 48 | granularity << 52 |
         uint64_t{base >> 24} << 56;
}

int ToUnicorn(Register name) {
  constexpr int kNames[] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX,
                            UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP,
                            UC_X86_REG_ESI, UC_X86_REG_EDI};
  return kNames[static_cast<size_t>(name)];
}

const char* ToText(uc_mem_type type) {
  switch (type) {
    case UC_MEM_READ_UNMAPPED:
      return "reads unmapped memory";
    case UC_MEM_WRITE_UNMAPPED:
      return "writes unmapped memory";
    case UC_MEM_READ_PROT:
      return "reads protected memory";
    case UC_MEM_WRITE_PROT:
      return "writes read-only memory";
    case UC_MEM_FETCH_PROT:
      return "executes data";
    default:
      return "leaves mapped memory";
  }
}

}  // namespace

struct Machine::Hooks {
  const Machine* machine = nullptr;
  uint64_t instructions = 0;
  uint32_t pc = 0;
  std::optional<uint32_t> watched;
  std::vector<TopOfStack> arrivals;
  std::optional<Stop> stop;

  void Halt(uc_engine* engine, Stop::Kind kind, const std::string& what) {
    if (!stop) stop = Stop{kind, pc, what};
    uc_emu_stop(engine);
  }

  void NoteArrival() {
    TopOfStack words{};
    uint32_t esp = machine->Get(Register::kEsp);
    for (uint32_t i = 0; i < words.size(); ++i) {
      words[i] = machine->Peek32(esp + i * 4).value_or(0);
    }
    arrivals.push_back(words);
  }

  static void OnCode(uc_engine* engine, uint64_t address, uint32_t size,
                     void* user) {
    Hooks* self = static_cast<Hooks*>(user);
    self->pc = static_cast<uint32_t>(address);
    if (self->watched == self->pc) {
      self->NoteArrival();
    }
    if (++self->instructions > kMaxInstructions) {
      self->Halt(engine, Stop::Kind::kTooLong, "does not return");
    } else if (!self->machine->Find(self->pc, size)) {
      self->Halt(engine, Stop::Kind::kFault,
                 "executes past the VirtualSize of its section");
    }
  }

  static void OnWrite(uc_engine* engine, uc_mem_type, uint64_t address,
                      int size, int64_t, void* user) {
    Hooks* self = static_cast<Hooks*>(user);
    uint32_t at = static_cast<uint32_t>(address);
    // Pages that are not there are OnInvalid's.
    if (!self->machine->FindPages(at, 1)) return;
    if (!self->machine->Find(at, static_cast<uint32_t>(size))) {
      self->Halt(engine, Stop::Kind::kFault,
                 "writes " + Hex(at) + ", past the VirtualSize of a section");
    }
  }

  static bool OnInvalid(uc_engine*, uc_mem_type type, uint64_t address, int,
                        int64_t, void* user) {
    Hooks* self = static_cast<Hooks*>(user);
    if (self->stop) return false;
    uint32_t at = static_cast<uint32_t>(address);
    self->stop = type == UC_MEM_FETCH_UNMAPPED
                     ? Stop{Stop::Kind::kLeft, at, ""}
                     : Stop{Stop::Kind::kFault, self->pc,
                            std::string(ToText(type)) + " at " + Hex(at)};
    return false;
  }
};

Machine::Machine() : hooks_(std::make_unique<Hooks>()) {
  [[maybe_unused]] uc_err opened = uc_open(UC_ARCH_X86, UC_MODE_32, &engine_);
  assert(opened == UC_ERR_OK);
  hooks_->machine = this;
  Map({"thread block", kThreadBlock, kThreadBlock + kPage, kRead | kWrite});
  LoadSegments();
  uc_hook hook = 0;
  uc_hook_add(engine_, &hook, UC_HOOK_CODE,
              reinterpret_cast<void*>(&Hooks::OnCode), hooks_.get(), 1, 0);
  uc_hook_add(engine_, &hook, UC_HOOK_MEM_WRITE,
              reinterpret_cast<void*>(&Hooks::OnWrite), hooks_.get(), 1, 0);
  uc_hook_add(engine_, &hook, UC_HOOK_MEM_INVALID,
              reinterpret_cast<void*>(&Hooks::OnInvalid), hooks_.get(), 1, 0);
}

Machine::~Machine() { uc_close(engine_); }

void Machine::LoadSegments() {
  uc_mem_map(engine_, kDescriptors, kPage, UC_PROT_READ);
  uint64_t table[8] = {};
  table[kCodeSelector / 8] = Descriptor(0, 0xfffff, 0x9b, 0xc);
  table[kDataSelector / 8] = Descriptor(0, 0xfffff, 0x93, 0xc);
  table[kThreadSelector / 8] = Descriptor(kThreadBlock, kPage - 1, 0x93, 0x4);
  uc_mem_write(engine_, kDescriptors, table, sizeof table);
  uc_x86_mmr gdtr = {0, kDescriptors, sizeof table - 1, 0};
  uc_reg_write(engine_, UC_X86_REG_GDTR, &gdtr);
  uint32_t code = kCodeSelector, data = kDataSelector, fs = kThreadSelector;
  uc_reg_write(engine_, UC_X86_REG_CS, &code);
  for (int name : {UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_ES}) {
    uc_reg_write(engine_, name, &data);
  }
  uc_reg_write(engine_, UC_X86_REG_FS, &fs);
  uc_mem_unmap(engine_, kDescriptors, kPage);
}

void Machine::Map(const Region& region) {
  uint32_t page = region.begin & ~(kPage - 1);
  uint64_t size = RoundUp(region.end, kPage) - page;
  uint32_t protection = 0;
  if ((region.access & kRead) != 0) protection |= UC_PROT_READ;
  if ((region.access & kWrite) != 0) protection |= UC_PROT_WRITE;
  if ((region.access & kExecute) != 0) protection |= UC_PROT_EXEC;
  [[maybe_unused]] uc_err mapped = uc_mem_map(engine_, page, size, protection);
  assert(mapped == UC_ERR_OK);
  regions_.push_back(region);
}

const Region* Machine::Find(uint32_t address, uint32_t size) const {
  for (const Region& region : regions_) {
    if (address >= region.begin && uint64_t{address} + size <= region.end) {
      return &region;
    }
  }
  return nullptr;
}

const Region* Machine::FindPages(uint32_t address, uint32_t size) const {
  for (const Region& region : regions_) {
    uint32_t page = region.begin & ~(kPage - 1);
    if (address >= page &&
        uint64_t{address} + size <= RoundUp(region.end, kPage)) {
      return &region;
    }
  }
  return nullptr;
}

bool Machine::Peek(uint32_t address, std::span<uint8_t> bytes) const {
  return uc_mem_read(engine_, address, bytes.data(), bytes.size()) == UC_ERR_OK;
}

bool Machine::Poke(uint32_t address, std::span<const uint8_t> bytes) {
  return uc_mem_write(engine_, address, bytes.data(), bytes.size()) ==
         UC_ERR_OK;
}

std::optional<uint32_t> Machine::Peek32(uint32_t address) const {
  uint8_t bytes[4];
  if (!Peek(address, bytes)) return std::nullopt;
  return ImageBytes(bytes).U32(0);
}

bool Machine::Poke32(uint32_t address, uint32_t value) {
  uint8_t bytes[4] = {
      static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8),
      static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 24)};
  return Poke(address, bytes);
}

bool Machine::Store(uint32_t address, std::span<const uint8_t> bytes) {
  const Region* region = Find(address, static_cast<uint32_t>(bytes.size()));
  return region && (region->access & kWrite) != 0 && Poke(address, bytes);
}

bool Machine::Store32(uint32_t address, uint32_t value) {
  const Region* region = Find(address, 4);
  return region && (region->access & kWrite) != 0 && Poke32(address, value);
}

uint32_t Machine::Get(Register name) const {
  uint32_t value = 0;
  uc_reg_read(engine_, ToUnicorn(name), &value);
  return value;
}

void Machine::Set(Register name, uint32_t value) {
  uc_reg_write(engine_, ToUnicorn(name), &value);
}

uint32_t Machine::flags() const {
  uint32_t value = 0;
  uc_reg_read(engine_, UC_X86_REG_EFLAGS, &value);
  return value;
}

void Machine::set_flags(uint32_t value) {
  uc_reg_write(engine_, UC_X86_REG_EFLAGS, &value);
}

void Machine::Watch(uint32_t address) { hooks_->watched = address; }

std::vector<Machine::TopOfStack> Machine::TakeArrivals() {
  return std::exchange(hooks_->arrivals, {});
}

Stop Machine::Run(uint32_t address) {
  hooks_->stop.reset();
  hooks_->instructions = 0;
  hooks_->pc = address;
  // An end that control never reaches: the byte before the last page.
  uc_err error = uc_emu_start(engine_, address, 0xffffefff, 0, 0);
  if (hooks_->stop) return *hooks_->stop;
  return {Stop::Kind::kFault, hooks_->pc,
          std::string("stops: ") + uc_strerror(error)};
}

}  // namespace detachfix::emulator
