// SPDX-License-Identifier: Apache-2.0
// The section is made on first use by an export, not on attach.
#include "dll.h"

CRITICAL_SECTION g_lock;
BOOL g_ready;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_DETACH) SetLastError(0);
  return TRUE;
}

EXPORT int Probe(int x) {
  if (!g_ready) {
    InitializeCriticalSection(&g_lock);
    g_ready = TRUE;
  }
  EnterCriticalSection(&g_lock);
  x = x * 3 + 7;
  LeaveCriticalSection(&g_lock);
  return x;
}
