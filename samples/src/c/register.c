// SPDX-License-Identifier: Apache-2.0
// The import slot is loaded once and called through a register (at -O0 through
// a stack variable). Two sections; the vendor's code deletes but one of them.
#include "dll.h"

CRITICAL_SECTION g_lock;
CRITICAL_SECTION g_queue_lock;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) {
    void(WINAPI * initialize)(CRITICAL_SECTION*) = InitializeCriticalSection;
    initialize(&g_lock);
    initialize(&g_queue_lock);
  } else if (reason == DLL_PROCESS_DETACH) {
    void(WINAPI * destroy)(CRITICAL_SECTION*) = DeleteCriticalSection;
    destroy(&g_queue_lock);
    FIX(destroy(&g_lock));
  }
  return TRUE;
}

PROBE(&g_lock)
