// SPDX-License-Identifier: Apache-2.0
// A flag set on attach guards the detach work.
#include "dll.h"

CRITICAL_SECTION g_lock;
BOOL g_ready;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      InitializeCriticalSection(&g_lock);
      g_ready = TRUE;
      break;
    case DLL_PROCESS_DETACH:
      if (g_ready) {
        FIX(DeleteCriticalSection(&g_lock));
        g_ready = FALSE;
      }
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
