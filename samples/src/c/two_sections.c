// SPDX-License-Identifier: Apache-2.0
// Two sections, and neither is deleted.
#include "dll.h"

CRITICAL_SECTION g_lock;
CRITICAL_SECTION g_list_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      InitializeCriticalSection(&g_lock);
      InitializeCriticalSection(&g_list_lock);
      break;
    case DLL_PROCESS_DETACH:
      FIX(DeleteCriticalSection(&g_list_lock));
      FIX(DeleteCriticalSection(&g_lock));
      break;
  }
  return TRUE;
}

PROBE(&g_list_lock)
