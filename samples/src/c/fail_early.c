// SPDX-License-Identifier: Apache-2.0
// Attach can fail before the section is initialised. The loader then sends
// detach at once, so the fix has to know whether there is a section.
#include "dll.h"

CRITICAL_SECTION g_lock;
BOOL g_ready;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      if (AttachShallFail()) return FALSE;
      InitializeCriticalSection(&g_lock);
      g_ready = TRUE;
      break;
    case DLL_PROCESS_DETACH:
      SetLastError(0);
      FIX(if (g_ready) DeleteCriticalSection(&g_lock));
      g_ready = FALSE;
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
