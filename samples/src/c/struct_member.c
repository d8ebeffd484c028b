// SPDX-License-Identifier: Apache-2.0
// The section is a member of a global object, reached through a pointer to it.
#include "dll.h"

struct Cache {
  DWORD entries;
  CRITICAL_SECTION lock;
  DWORD hits;
};
struct Cache g_cache = {16, {0}, 0};

static __attribute__((noinline)) void InitializeCache(struct Cache* cache) {
  cache->hits = 0;
  InitializeCriticalSection(&cache->lock);
}

static __attribute__((noinline)) void DestroyCache(struct Cache* cache) {
  FIX(DeleteCriticalSection(&cache->lock));
  cache->hits = 0;
}

BOOL WINAPI DllMain(HANDLE module, DWORD reason, void* reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) InitializeCache(&g_cache);
  if (reason == DLL_PROCESS_DETACH) DestroyCache(&g_cache);
  return TRUE;
}

PROBE(&g_cache.lock)
