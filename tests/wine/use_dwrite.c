// SPDX-License-Identifier: Apache-2.0
// Works with dwrite.dll: makes a factory and asks it for the table of fonts
// that stand in for missing ones. Wine 8.0's dwrite.dll makes that table's list
// on the first such question and walks it on every detach
// (dlls/dwrite/analyzer.c, release_system_fallback_data), so without a question
// it reads through NULL.
#define COBJMACROS
#define INITGUID
#include <dwrite_2.h>

typedef HRESULT(WINAPI* CreateFunction)(DWRITE_FACTORY_TYPE, REFIID,
                                        IUnknown**);

__declspec(dllexport) DWORD __cdecl Use(HMODULE module) {
  CreateFunction create =
      (CreateFunction)(void*)GetProcAddress(module, "DWriteCreateFactory");
  IDWriteFactory2* factory;
  IDWriteFontFallback* fallback;
  if (!create) return 1;
  HRESULT result = create(DWRITE_FACTORY_TYPE_ISOLATED, &IID_IDWriteFactory2,
                          (IUnknown**)&factory);
  if (FAILED(result)) return (DWORD)result;
  result = IDWriteFactory2_GetSystemFontFallback(factory, &fallback);
  if (SUCCEEDED(result)) IDWriteFontFallback_Release(fallback);
  IDWriteFactory2_Release(factory);
  return (DWORD)result;
}
