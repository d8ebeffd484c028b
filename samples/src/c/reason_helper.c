// SPDX-License-Identifier: Apache-2.0
// DllMain only hands its arguments on; the helper decides.
#include "dll.h"

CRITICAL_SECTION g_lock;

static __attribute__((noinline)) BOOL OnReason(DWORD reason, BOOL exiting) {
  if (reason > DLL_PROCESS_ATTACH) return TRUE;
  if (reason) {
    InitializeCriticalSection(&g_lock);
  } else if (!exiting) {
    FIX(DeleteCriticalSection(&g_lock));
  }
  return TRUE;
}

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module;
  return OnReason(reason, reserved != 0);
}

PROBE(&g_lock)
