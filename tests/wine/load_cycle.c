// SPDX-License-Identifier: Apache-2.0
// load_cycle [OPTION...] DLL: loads and unloads a DLL many times, and counts
// what that leaves behind in the process heap. Prints one line of JSON.
//
// InitializeCriticalSection takes an RTL_CRITICAL_SECTION_DEBUG (32 bytes on
// i386, winnt.h) from the process heap and DeleteCriticalSection gives it back,
// so a section that is never deleted shows as one more 32-byte block a cycle.
// Wine links the record's ProcessLocksList to itself, which, with its pointer
// to the section, tells the record from other blocks and gives the place of the
// section within the DLL. A DLL that is kept (--keep) stays loaded all the
// time: what Wine's own DLLs leave behind when they go is not counted.
//
// The order of work: warm-up cycles, walk the heap, the measured cycles, walk
// the heap, cycles with a call of the probe, and a last load that a thread sees
// come and go and that stays until the process exits (process detach with
// lpvReserved != NULL). Exit status: 0 after all of it, 1 when something
// besides the DLL's attach failed, 64 for a wrong command line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { kLargestSize = 4096, kMaxSections = 256, kMaxArguments = 8 };
enum { kProbeCycles = 3 };

typedef struct {
  const char* dll;
  unsigned cycles;
  unsigned warm_up;
  int occupy_base;
  const char* probe;  // name of the export, or NULL
  int probe_stdcall;
  unsigned argument_count;
  DWORD arguments[kMaxArguments];
} Options;

// What one walk of the process heap found.
typedef struct {
  unsigned blocks;
  unsigned by_size[kLargestSize + 1];  // the last one counts the larger ones
  unsigned by_rva[kMaxSections];       // debug records, by section_rva
} Heap;

typedef struct {
  unsigned loaded;
  unsigned failed;
  DWORD error;  // of the last load that failed
  char* base;   // of the last load that went well
  DWORD image_size;
  unsigned moves;  // loads at another base than the load before
} Loads;

static Heap g_before, g_after;
static DWORD g_section_rva[kMaxSections];
static unsigned g_section_count;
static unsigned g_exceptions;  // of severity "error", anywhere in the process

static void Die(const char* what) {
  fprintf(stderr, "load_cycle: %s: error %lu\n", what, GetLastError());
  exit(1);
}

// Wine's loader swallows what is thrown in a DLL's entry: only a vectored
// handler sees it.
static LONG WINAPI CountException(EXCEPTION_POINTERS* exception) {
  if (exception->ExceptionRecord->ExceptionCode >> 30 == 3) ++g_exceptions;
  return EXCEPTION_CONTINUE_SEARCH;
}

static DWORD ImageSize(const char* base) {
  const IMAGE_DOS_HEADER* dos = (const IMAGE_DOS_HEADER*)base;
  const IMAGE_NT_HEADERS32* nt =
      (const IMAGE_NT_HEADERS32*)(base + dos->e_lfanew);
  return nt->OptionalHeader.SizeOfImage;
}

// The index of `rva` in g_section_rva, where it is added when new.
static unsigned SectionIndex(DWORD rva) {
  unsigned i = 0;
  while (i < g_section_count && g_section_rva[i] != rva) ++i;
  if (i == g_section_count) {
    if (g_section_count == kMaxSections) Die("too many critical sections");
    g_section_rva[g_section_count++] = rva;
  }
  return i;
}

// Counts a block that is the debug record of a section within the image.
static void CountRecord(const void* block, const Loads* loads, Heap* heap) {
  const RTL_CRITICAL_SECTION_DEBUG* record = block;
  const LIST_ENTRY* list = &record->ProcessLocksList;
  if (record->Type != 0 || list->Flink != list || list->Blink != list) return;
  const char* section = (const char*)record->CriticalSection;
  if (section < loads->base || section >= loads->base + loads->image_size)
    return;
  ++heap->by_rva[SectionIndex((DWORD)(section - loads->base))];
}

// Takes nothing from the heap that it walks.
static void WalkHeap(const Loads* loads, Heap* heap) {
  HANDLE process_heap = GetProcessHeap();
  PROCESS_HEAP_ENTRY entry;
  memset(heap, 0, sizeof *heap);
  memset(&entry, 0, sizeof entry);
  if (!HeapLock(process_heap)) Die("HeapLock");
  while (HeapWalk(process_heap, &entry)) {
    if (!(entry.wFlags & PROCESS_HEAP_ENTRY_BUSY)) continue;
    DWORD size = entry.cbData < kLargestSize ? entry.cbData : kLargestSize;
    ++heap->blocks;
    ++heap->by_size[size];
    if (entry.cbData >= sizeof(RTL_CRITICAL_SECTION_DEBUG))
      CountRecord(entry.lpData, loads, heap);
  }
  DWORD error = GetLastError();
  HeapUnlock(process_heap);
  if (error != ERROR_NO_MORE_ITEMS) Die("HeapWalk");
}

static HMODULE Load(const Options* options, Loads* loads) {
  HMODULE module = LoadLibraryA(options->dll);
  if (!module) {
    loads->error = GetLastError();
    ++loads->failed;
    return NULL;
  }
  ++loads->loaded;
  if (loads->base && loads->base != (char*)module) ++loads->moves;
  loads->base = (char*)module;
  loads->image_size = ImageSize(loads->base);
  return module;
}

// Looks at the memory to see that the DLL is gone: GetModuleHandle would open
// the file for it, which takes Wine as long as the load. Wine calls some unused
// memory reserved, so that not being free says little.
static void Unload(HMODULE module) {
  MEMORY_BASIC_INFORMATION memory;
  if (!FreeLibrary(module)) Die("FreeLibrary");
  if (!VirtualQuery(module, &memory, sizeof memory)) Die("VirtualQuery");
  if (memory.Type == MEM_IMAGE && memory.AllocationBase == module)
    Die("the DLL stayed loaded");
}

static void Cycle(const Options* options, unsigned count, Loads* loads) {
  for (unsigned i = 0; i < count; ++i) {
    HMODULE module = Load(options, loads);
    if (module) Unload(module);
  }
}

// Calls `function` whether the caller or the callee takes the arguments off the
// stack, and reports a callee that kept neither convention.
static DWORD CallProbe(void* function, const Options* options) {
  DWORD result, popped;
  const DWORD* arguments = options->arguments;
  __asm__ volatile(
      "movl %%esp, %%edi\n\t"
      "1: testl %%ecx, %%ecx\n\t"
      "jz 2f\n\t"
      "decl %%ecx\n\t"
      "pushl (%%esi,%%ecx,4)\n\t"
      "jmp 1b\n"
      "2: movl %%esp, %%ebx\n\t"
      "call *%%eax\n\t"
      "subl %%esp, %%ebx\n\t"
      "negl %%ebx\n\t"
      "movl %%edi, %%esp"
      : "=a"(result), "=b"(popped)
      : "a"(function), "c"(options->argument_count), "S"(arguments)
      : "edx", "edi", "memory", "cc");
  DWORD expected = options->probe_stdcall ? 4 * options->argument_count : 0;
  if (popped != expected) Die("the probe left the stack unbalanced");
  return result;
}

// Prints the probe's answer in each of a few cycles.
static void PrintProbe(const Options* options, Loads* loads) {
  printf(", \"probe\": [");
  for (unsigned i = 0; options->probe && i < kProbeCycles; ++i) {
    HMODULE module = Load(options, loads);
    if (!module) break;
    void* function = (void*)GetProcAddress(module, options->probe);
    if (!function) Die("GetProcAddress of the probe");
    printf("%s%lu", i ? ", " : "", CallProbe(function, options));
    Unload(module);
  }
  printf("]");
}

static void PrintText(const char* text) {
  putchar('"');
  for (; *text; ++text) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar(*text);
  }
  putchar('"');
}

static void PrintGrowth(void) {
  const char* comma = "";
  printf(", \"blocks\": %d, \"by_size\": {",
         (int)(g_after.blocks - g_before.blocks));
  for (unsigned size = 0; size <= kLargestSize; ++size) {
    int grown = (int)(g_after.by_size[size] - g_before.by_size[size]);
    if (grown == 0) continue;
    printf("%s\"%u\": %d", comma, size, grown);
    comma = ", ";
  }
  printf("}, \"by_rva\": {");
  comma = "";
  for (unsigned i = 0; i < g_section_count; ++i) {
    int grown = (int)(g_after.by_rva[i] - g_before.by_rva[i]);
    if (grown == 0) continue;
    printf("%s\"%lu\": %d", comma, g_section_rva[i], grown);
    comma = ", ";
  }
  printf("}");
}

// The ImageBase in the file's header.
static char* PreferredBase(const char* dll) {
  char headers[4096];
  DWORD size = 0;
  HANDLE file = CreateFileA(dll, GENERIC_READ, FILE_SHARE_READ, NULL,
                            OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) Die("opening the DLL");
  if (!ReadFile(file, headers, sizeof headers, &size, NULL))
    Die("reading the DLL");
  CloseHandle(file);
  const IMAGE_DOS_HEADER* dos = (const IMAGE_DOS_HEADER*)headers;
  if (size < sizeof *dos ||
      dos->e_lfanew > (LONG)(size - sizeof(IMAGE_NT_HEADERS32)))
    Die("the DLL's headers");
  const IMAGE_NT_HEADERS32* nt =
      (const IMAGE_NT_HEADERS32*)(headers + dos->e_lfanew);
  return (char*)nt->OptionalHeader.ImageBase;
}

static DWORD WINAPI EmptyThread(void* unused) {
  (void)unused;
  return 0;
}

// The load that ends with the process; a thread comes and goes meanwhile.
static void LastLoad(const Options* options) {
  Loads loads = {0};
  if (!Load(options, &loads)) return;
  HANDLE thread = CreateThread(NULL, 0, EmptyThread, NULL, 0, NULL);
  if (!thread) Die("CreateThread");
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
}

static int Usage(void) {
  fprintf(stderr,
          "usage: load_cycle [--cycles N] [--warm-up N] [--occupy-base]\n"
          "                  [--env NAME=VALUE] [--keep DLL]...\n"
          "                  [--probe NAME [--stdcall] [--argument N]...] "
          "DLL\n");
  return 64;
}

static int SetVariable(char* text) {
  char* equals = strchr(text, '=');
  if (!equals) return 0;
  *equals = 0;
  return SetEnvironmentVariableA(text, equals + 1) != 0;
}

// Reads the option at *position and its value; 0 when it is not one.
static int ReadOption(char** arguments, int* position, Options* options) {
  const char* name = arguments[*position];
  if (!strcmp(name, "--occupy-base")) return options->occupy_base = 1;
  if (!strcmp(name, "--stdcall")) return options->probe_stdcall = 1;
  char* value = arguments[++*position];
  if (!value) return 0;
  unsigned number = strtoul(value, NULL, 0);
  if (!strcmp(name, "--cycles")) return options->cycles = number, 1;
  if (!strcmp(name, "--warm-up")) return options->warm_up = number, 1;
  if (!strcmp(name, "--env")) return SetVariable(value);
  if (!strcmp(name, "--keep")) return LoadLibraryA(value) != NULL;
  if (!strcmp(name, "--probe")) return options->probe = value, 1;
  if (strcmp(name, "--argument") || options->argument_count == kMaxArguments)
    return 0;
  return options->arguments[options->argument_count++] = number, 1;
}

int main(int argc, char** argv) {
  Options options = {.cycles = 2000, .warm_up = 16};
  Loads loads = {0};
  int i = 1;
  for (; i < argc && argv[i][0] == '-'; ++i)
    if (!ReadOption(argv, &i, &options)) return Usage();
  if (i + 1 != argc) return Usage();
  options.dll = argv[i];
  char* preferred_base = PreferredBase(options.dll);
  if (options.occupy_base &&
      !VirtualAlloc(preferred_base, 1, MEM_RESERVE, PAGE_NOACCESS))
    Die("the preferred base could not be occupied");
  AddVectoredExceptionHandler(1, CountException);
  SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);

  Cycle(&options, options.warm_up, &loads);
  loads.loaded = loads.failed = 0;
  WalkHeap(&loads, &g_before);
  Cycle(&options, options.cycles, &loads);
  WalkHeap(&loads, &g_after);

  printf("{\"dll\": ");
  PrintText(options.dll);
  printf(", \"cycles\": %u, \"loaded\": %u, \"failed\": %u, \"error\": %lu",
         options.cycles, loads.loaded, loads.failed, loads.error);
  printf(", \"base\": %lu, \"preferred_base\": %lu, \"moves\": %u",
         (DWORD)loads.base, (DWORD)preferred_base, loads.moves);
  PrintGrowth();
  PrintProbe(&options, &loads);
  LastLoad(&options);
  printf(", \"exceptions\": %u}\n", g_exceptions);
  return 0;
}
