// SPDX-License-Identifier: Apache-2.0
// There is no critical section. Attach and detach do other things.
#include "dll.h"

DWORD g_slot;

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) g_slot = TlsAlloc();
  if (reason == DLL_PROCESS_DETACH) TlsFree(g_slot);
  return TRUE;
}

EXPORT int Probe(int x) { return x * 3 + 7; }
