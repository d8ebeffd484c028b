// SPDX-License-Identifier: Apache-2.0
// Detach has work of its own: it frees what attach allocated.
#include "dll.h"

CRITICAL_SECTION g_lock;
char* g_buffer;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      g_buffer = LocalAlloc(0, 256);
      InitializeCriticalSection(&g_lock);
      break;
    case DLL_PROCESS_DETACH:
      FIX(DeleteCriticalSection(&g_lock));
      if (g_buffer) {
        LocalFree(g_buffer);
        g_buffer = 0;
      }
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
