// SPDX-License-Identifier: Apache-2.0
// Sections at computed addresses: a pool rounded up to 16 bytes, and an index
// that is read from a table.
#include "dll.h"

__attribute__((aligned(16))) char g_pool[4 * sizeof(CRITICAL_SECTION)];
volatile unsigned char g_order[] = {3, 1};

static __attribute__((noinline)) CRITICAL_SECTION* LockAt(int i) {
  const ULONG_PTR start = ((ULONG_PTR)g_pool + 15) & ~(ULONG_PTR)15;
  return (CRITICAL_SECTION*)start + g_order[i];
}

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) {
    for (int i = 0; i < 2; ++i) InitializeCriticalSection(LockAt(i));
  } else if (reason == DLL_PROCESS_DETACH) {
    FIX(for (int i = 0; i < 2; ++i) DeleteCriticalSection(LockAt(i)));
  }
  return TRUE;
}

PROBE(LockAt(0))
