// SPDX-License-Identifier: Apache-2.0
// Whether detach deletes is decided outside the file: nobody can say from its
// bytes alone that it leaks, nor that it does not.
#include "dll.h"

CRITICAL_SECTION g_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) InitializeCriticalSection(&g_lock);
  if (reason == DLL_PROCESS_DETACH &&
      GetEnvironmentVariableA("DETACHFIX_KEEP_LOCK", 0, 0) == 0)
    DeleteCriticalSection(&g_lock);
  return TRUE;
}

PROBE(&g_lock)
