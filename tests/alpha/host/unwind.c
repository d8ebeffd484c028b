/* SPDX-License-Identifier: Apache-2.0
   Unwinding as a debugger or an exception does it: from the return address of a
   system call through each caller, by the function table alone.

   An entry of .pdata (winnt.h, IMAGE_ALPHA_RUNTIME_FUNCTION_ENTRY) says where a
   function begins and ends and where its prologue ends. What the frame looks
   like is read from the prologue's instructions: one of them lowers SP, others
   save registers relative to it, and one may keep SP in R15 (Microsoft,
   "Windows NT for Alpha Calling Standard", 3.2.6). A function without an entry
   is a leaf: its caller's address is in R26 still, and SP as at its entry. A
   leaf calls nothing, so none may be found between a system call and whoever
   called the DLL. */
#include "host.h"

typedef struct {
  uint32_t begin, end, handler, data, prologue_end;
} Entry;

typedef struct {
  Address pc; /* a return address */
  int64_t registers[kRegisters];
} Machine;

enum { kLda = 0x08, kStq = 0x2d };

static const Entry* Entries(void) {
  return (const Entry*)(uintptr_t)(g_image.base + g_image.pdata);
}

void CheckFunctionTable(void) {
  Address last = 0;
  for (uint32_t i = 0; i < g_image.entries; ++i) {
    const Entry* entry = &Entries()[i];
    if (entry->begin < last || entry->begin >= entry->end ||
        entry->prologue_end < entry->begin ||
        entry->prologue_end > entry->end || !IsInImage(entry->begin) ||
        !IsInImage(entry->end - kInstruction)) {
      Violation("entry %u of .pdata is wrong or out of order", i);
    }
    last = entry->end;
  }
}

/* The entry of the function whose call returns to `pc`. By halves, as the
   system searches: in an unsorted table it misses. */
static const Entry* FindEntry(Address pc) {
  uint32_t low = 0, high = g_image.entries;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    const Entry* entry = &Entries()[middle];
    if (pc - kInstruction < entry->begin) {
      high = middle;
    } else if (pc - kInstruction >= entry->end) {
      low = middle + 1;
    } else {
      return entry;
    }
  }
  return 0;
}

static int64_t Displacement(uint32_t word) { return (int16_t)(word & 0xffff); }

/* `lda sp, displacement(sp)` with a negative displacement. */
static int LowersSp(uint32_t word) {
  return word >> 16 == (kLda << 10 | kSp << 5 | kSp) && Displacement(word) < 0;
}

/* `bis sp, sp, fp`, in any of the ways to write a copy. */
static int CopiesSpToFp(uint32_t word) {
  return word == 0x47de040f || word == 0x47fe040f || word == 0x47df040f;
}

/* Undoes the prologue. */
static void Undo(const Entry* entry, Machine* machine) {
  int64_t size = 0;
  int64_t body = machine->registers[kSp];
  for (Address at = entry->begin; at < entry->prologue_end;
       at += kInstruction) {
    uint32_t word = InstructionAt(at);
    if (LowersSp(word)) size -= Displacement(word);
    if (CopiesSpToFp(word)) body = machine->registers[kFp];
  }
  int lowered = 0;
  for (Address at = entry->begin; at < entry->prologue_end;
       at += kInstruction) {
    uint32_t word = InstructionAt(at);
    lowered |= LowersSp(word);
    if (word >> 26 != kStq || (word >> 16 & 31) != kSp) continue;
    int64_t address = body + (lowered ? 0 : size) + Displacement(word);
    machine->registers[word >> 21 & 31] = *(int64_t*)(uintptr_t)address;
  }
  machine->registers[kSp] = body + size;
  machine->pc = (Address)machine->registers[kRa];
}

static void CheckArrival(const Machine* machine) {
  if (machine->registers[kSp] != g_frame.sp) {
    Violation("unwinds to its caller with another SP");
  }
  for (int i = kS0; i <= kFp; ++i) {
    if (machine->registers[i] != g_frame.kept[i]) {
      Violation("unwinds to its caller with another R%d", i);
    }
  }
}

void CheckUnwinding(void) {
  enum { kMostFrames = 100 };
  Machine machine;
  for (int i = 0; i < kRegisters; ++i) {
    machine.registers[i] = g_context.registers[i];
  }
  machine.pc = (Address)machine.registers[kRa];
  for (int frames = 0; frames < kMostFrames; ++frames) {
    if (machine.pc == (Address)(uintptr_t)Home) return CheckArrival(&machine);
    const Entry* entry = IsInImage(machine.pc) ? FindEntry(machine.pc) : 0;
    if (!entry) {
      return Violation("cannot be unwound at %s: not in .pdata",
                       Name(machine.pc));
    }
    int64_t sp = machine.registers[kSp];
    if (sp < kStackBottom || sp >= kStackTop || sp % 16 != 0) break;
    Undo(entry, &machine);
  }
  Violation("cannot be unwound: no end of the frames");
}
