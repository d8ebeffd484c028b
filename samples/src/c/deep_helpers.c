// SPDX-License-Identifier: Apache-2.0
// Initialised and, by the fix, deleted four calls below DllMain, with the
// section's address handed down as an argument.
#include "dll.h"

#define NOINLINE __attribute__((noinline))

CRITICAL_SECTION g_lock;
DWORD g_depth;

static NOINLINE void MakeLock(CRITICAL_SECTION* lock) {
  InitializeCriticalSection(lock);
  ++g_depth;
}
static NOINLINE void MakeQueue(CRITICAL_SECTION* lock) {
  MakeLock(lock);
  ++g_depth;
}
static NOINLINE void MakeState(CRITICAL_SECTION* lock) {
  MakeQueue(lock);
  ++g_depth;
}
static NOINLINE BOOL OnAttach(void) {
  MakeState(&g_lock);
  return g_depth == 3;
}

static NOINLINE void DropLock(CRITICAL_SECTION* lock) {
  (void)lock;
  FIX(DeleteCriticalSection(lock));
  --g_depth;
}
static NOINLINE void DropQueue(CRITICAL_SECTION* lock) {
  --g_depth;
  DropLock(lock);
}
static NOINLINE void DropState(CRITICAL_SECTION* lock) {
  --g_depth;
  DropQueue(lock);
}

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) return OnAttach();
  if (reason == DLL_PROCESS_DETACH) DropState(&g_lock);
  return TRUE;
}

PROBE(&g_lock)
