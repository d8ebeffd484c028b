// SPDX-License-Identifier: Apache-2.0
// Detach deletes a section, but another than the one that was forgotten: both
// are of the same make, and only the names differ.
#include "dll.h"

CRITICAL_SECTION g_lock;
CRITICAL_SECTION g_lock2;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      InitializeCriticalSection(&g_lock);
      InitializeCriticalSection(&g_lock2);
      break;
    case DLL_PROCESS_DETACH:
      DeleteCriticalSection(&g_lock2);
      FIX(DeleteCriticalSection(&g_lock));
      break;
  }
  return TRUE;
}

PROBE(&g_lock)
