// SPDX-License-Identifier: Apache-2.0
// The ntdll names. With DELETE_IMPORTED an export of its own makes and deletes
// a section, so that the delete function is imported while detach leaks.
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  switch (reason) {
    case DLL_PROCESS_ATTACH:
      return RtlInitializeCriticalSection(&g_lock) >= 0;
    case DLL_PROCESS_DETACH:
      FIX(RtlDeleteCriticalSection(&g_lock));
      break;
  }
  return TRUE;
}

#ifdef DELETE_IMPORTED
CRITICAL_SECTION g_scratch_lock;
EXPORT int Scratch(void) {
  RtlInitializeCriticalSection(&g_scratch_lock);
  RtlDeleteCriticalSection(&g_scratch_lock);
  return 1;
}
#endif

PROBE_UNDER(RtlEnterCriticalSection, RtlLeaveCriticalSection, &g_lock)
