/* SPDX-License-Identifier: Apache-2.0
   What is mapped, at page granularity: a page of the machine has 8 KB, which is
   also what qemu-alpha protects by. Finer than that, what a section holds ends
   with its VirtualSize: behind it there are zeros. As an instruction a zero is
   `call_pal halt`, which no user may execute, so code that runs over the end
   stops there; what is written there is seen by CheckSlack; what is read there
   is not seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host.h"

enum { kMaxSections = 96, kMaxStubPages = 64 };

typedef struct {
  Address begin, end; /* end of the VirtualSize */
  int writable;
} Section;

static Section g_sections[kMaxSections];
static int g_section_count;
static Address g_stub_pages[kMaxStubPages];
static int g_stub_page_count;

Image g_image;

static void* At(Address address) { return (void*)(uintptr_t)address; }
static Address PageOf(Address address) { return address & -kPageSize; }
static Address PageEnd(Address address) {
  return PageOf(address + kPageSize - 1);
}

static void Map(Address begin, Address end) {
  void* wanted = At(begin);
  void* got = mmap(wanted, end - begin, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != wanted) {
    fprintf(stderr, "alpha_host: cannot map %#x to %#x\n", begin, end);
    exit(1);
  }
}

void MapProcess(void) {
  Map(kStackBottom, kStackTop);
  Map(kHeapBottom, kHeapTop);
}

int IsInImage(int64_t value) {
  return value >= g_image.base && value < (int64_t)g_image.base + g_image.size;
}

/* Below the image, near enough for a branch. */
Address DisplacedEntry(void) { return g_image.base - 2 * kPageSize; }

enum { kBreakpoint = 0x00000080, kBranch = 0xc3e00000 };

static uint32_t BranchTo(Address from, Address to) {
  int32_t words = (int32_t)(to - from - kInstruction) / kInstruction;
  return kBranch | (words & 0x1fffff);
}

uint32_t InstructionAt(Address address) {
  int moved = g_image.entry != 0 && address == g_image.entry;
  return *(uint32_t*)At(moved ? DisplacedEntry() : address);
}

/* The entry's first instruction stands elsewhere, with a branch back behind it,
   and a breakpoint in its place: each arrival raises SIGTRAP, and the handler
   goes on there. An instruction that depends on its own address, a branch or a
   jump, cannot be moved: then nothing is watched. */
static void WatchEntry(void) {
  uint32_t* entry = At(g_image.entry);
  uint32_t* place = At(DisplacedEntry());
  Map(DisplacedEntry(), DisplacedEntry() + kPageSize);
  if (g_image.entry == 0) return;
  uint32_t opcode = *entry >> 26;
  if (opcode == 0x1a || opcode >= 0x30) {
    g_image.entry = 0;
    return;
  }
  place[0] = *entry;
  place[1] =
      BranchTo(DisplacedEntry() + kInstruction, g_image.entry + kInstruction);
  *entry = kBreakpoint;
  mprotect(place, kPageSize, PROT_READ | PROT_EXEC);
}

void MapImage(const unsigned char* bytes) {
  Map(g_image.base, g_image.base + PageEnd(g_image.size));
  memcpy(At(g_image.base), bytes, kPageSize);
  mprotect(At(g_image.base), PageEnd(g_image.size), PROT_NONE);
  mprotect(At(g_image.base), kPageSize, PROT_READ);
  g_section_count = 0;
}

void AddSection(uint32_t rva, uint32_t end, const char* access,
                const unsigned char* bytes) {
  Section section = {g_image.base + rva, g_image.base + end,
                     strchr(access, 'w') != NULL};
  uint32_t size = PageEnd(section.end) - section.begin;
  int protection = PROT_READ | (section.writable ? PROT_WRITE : 0) |
                   (strchr(access, 'x') ? PROT_EXEC : 0);
  if (g_section_count == kMaxSections) abort();
  g_sections[g_section_count++] = section;
  mprotect(At(section.begin), size, PROT_READ | PROT_WRITE);
  memcpy(At(section.begin), bytes + rva, end - rva);
  if (g_image.entry >= section.begin && g_image.entry < section.end) {
    WatchEntry();
  }
  mprotect(At(section.begin), size, protection);
}

void UnmapImage(void) {
  if (g_image.size == 0) return;
  munmap(At(g_image.base), PageEnd(g_image.size));
  munmap(At(DisplacedEntry()), kPageSize);
  g_image.size = 0;
}

void CheckSlack(void) {
  for (int i = 0; i < g_section_count; ++i) {
    const Section* section = &g_sections[i];
    if (!section->writable) continue;
    for (Address at = section->end; at < PageEnd(section->end); ++at) {
      if (*(unsigned char*)At(at) != 0) {
        Violation("writes %s, past the VirtualSize of a section", Name(at));
        *(unsigned char*)At(at) = 0;
      }
    }
  }
}

/* ldah $27 and lda $27: the address of SystemEntry; jmp $27,($27) leaves the
   stub's own address, plus these three instructions, in $27. */
void WriteStub(Address address) {
  Address entry = (Address)(uintptr_t)SystemEntry;
  Address page = PageOf(address);
  int known = 0;
  for (int i = 0; i < g_stub_page_count; ++i) known |= g_stub_pages[i] == page;
  if (!known) {
    if (g_stub_page_count == kMaxStubPages) abort();
    g_stub_pages[g_stub_page_count++] = page;
    Map(page, page + kPageSize);
  }
  uint32_t* words = At(address);
  mprotect(At(page), kPageSize, PROT_READ | PROT_WRITE);
  words[0] = 0x277f0000 | ((entry + 0x8000) >> 16 & 0xffff);
  words[1] = 0x237b0000 | (entry & 0xffff);
  words[2] = 0x6b7b0000;
  mprotect(At(page), kPageSize, PROT_READ | PROT_EXEC);
}

void UnmapStubs(void) {
  for (int i = 0; i < g_stub_page_count; ++i) {
    munmap(At(g_stub_pages[i]), kPageSize);
  }
  g_stub_page_count = 0;
}
