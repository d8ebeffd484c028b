// SPDX-License-Identifier: Apache-2.0
// Section and functions are reached through initialised pointers in .data,
// which the compiler has to load each time.
#include "dll.h"

CRITICAL_SECTION g_lock;

static void Make(CRITICAL_SECTION* lock) { InitializeCriticalSection(lock); }
static void Drop(CRITICAL_SECTION* lock) {
  (void)lock;
  FIX(DeleteCriticalSection(lock));
}

CRITICAL_SECTION* volatile g_current = &g_lock;
void (*volatile g_make)(CRITICAL_SECTION*) = Make;
void (*volatile g_drop)(CRITICAL_SECTION*) = Drop;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) {
    g_make(g_current);
  } else if (reason == DLL_PROCESS_DETACH) {
    g_drop(g_current);
  }
  return TRUE;
}

PROBE(g_current)
