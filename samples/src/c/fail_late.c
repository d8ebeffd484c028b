// SPDX-License-Identifier: Apache-2.0
// Attach can fail after the section is initialised; the detach that the loader
// then sends is where it has to go.
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      InitializeCriticalSection(&g_lock);
      if (AttachShallFail()) return FALSE;
      break;
    case DLL_PROCESS_DETACH:
      FIX(DeleteCriticalSection(&g_lock));
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
