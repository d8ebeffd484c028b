// SPDX-License-Identifier: Apache-2.0
// ntdll's other two names for initialising a section.
#include "dll.h"

CRITICAL_SECTION g_lock;
CRITICAL_SECTION g_queue_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      if (RtlInitializeCriticalSectionAndSpinCount(&g_lock, 400)) return FALSE;
      if (RtlInitializeCriticalSectionEx(&g_queue_lock, 0, 0)) return FALSE;
      break;
    case DLL_PROCESS_DETACH:
      FIX(RtlDeleteCriticalSection(&g_queue_lock));
      FIX(RtlDeleteCriticalSection(&g_lock));
      break;
  }
  return TRUE;
}

PROBE_UNDER(RtlEnterCriticalSection, RtlLeaveCriticalSection, &g_lock)
