// SPDX-License-Identifier: Apache-2.0
// Linked into a shape, makes it a Security.dll by its content: the exports of
// the security support provider interface that a client looks up first. The
// table is as sspi.h lays it out: a version, then function pointers.
#include "dll.h"

struct SecurityFunctionTable {
  DWORD version;
  HANDLE functions[27];
};

static struct SecurityFunctionTable g_table = {1, {0}};

EXPORT struct SecurityFunctionTable* WINAPI InitSecurityInterfaceA(void) {
  return &g_table;
}

EXPORT struct SecurityFunctionTable* WINAPI InitSecurityInterfaceW(void) {
  return &g_table;
}
