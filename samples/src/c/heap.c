// SPDX-License-Identifier: Apache-2.0
// The section lies on the heap. Where that is, no file tells.
#include "dll.h"

CRITICAL_SECTION* g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      g_lock = LocalAlloc(0, sizeof *g_lock);
      if (!g_lock) return FALSE;
      InitializeCriticalSection(g_lock);
      break;
    case DLL_PROCESS_DETACH:
      if (!g_lock) break;
      FIX(DeleteCriticalSection(g_lock));
      LocalFree(g_lock);
      g_lock = 0;
      break;
  }
  return TRUE;
}

PROBE(g_lock)
