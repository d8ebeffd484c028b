// SPDX-License-Identifier: Apache-2.0
// An attach that fails deletes what it had made; the detach of one that
// succeeded deletes nothing. The loader sends detach after a failed attach too,
// so the fix has to tell the two apart.
#include "dll.h"

CRITICAL_SECTION g_lock;
BOOL g_ready;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      InitializeCriticalSection(&g_lock);
      if (AttachShallFail()) {
        DeleteCriticalSection(&g_lock);
        return FALSE;
      }
      g_ready = TRUE;
      break;
    case DLL_PROCESS_DETACH:
      FIX(if (g_ready) DeleteCriticalSection(&g_lock));
      g_ready = FALSE;
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
