// SPDX-License-Identifier: Apache-2.0
// Every function that touches the section is looked up at run time, so nothing
// in the import table says what the calls do.
#include "dll.h"

CRITICAL_SECTION g_lock;
typedef void(WINAPI* OnLock)(CRITICAL_SECTION*);
OnLock g_enter;
OnLock g_leave;

static OnLock LookUp(const char* name) {
  return (OnLock)GetProcAddress(GetModuleHandleA("kernel32.dll"), name);
}

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) {
    OnLock initialize = LookUp("InitializeCriticalSection");
    g_enter = LookUp("EnterCriticalSection");
    g_leave = LookUp("LeaveCriticalSection");
    if (!initialize || !g_enter || !g_leave) return FALSE;
    initialize(&g_lock);
  }
  return TRUE;
}

PROBE_UNDER(g_enter, g_leave, &g_lock)
