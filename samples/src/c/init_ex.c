// SPDX-License-Identifier: Apache-2.0
// Initialised by InitializeCriticalSectionEx (Windows Vista and later).
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH)
    return InitializeCriticalSectionEx(&g_lock, 0, 0);
  if (reason == DLL_PROCESS_DETACH) FIX(DeleteCriticalSection(&g_lock));
  return TRUE;
}

PROBE(&g_lock)
