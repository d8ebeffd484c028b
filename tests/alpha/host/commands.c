/* SPDX-License-Identifier: Apache-2.0
   alpha_host: reads commands, one line each, and answers each that makes
   something happen with lines that end with "done".

     image BASE SIZE ENTRY PDATA ENTRIES   then SIZE bytes; ENTRY is an address
     section RVA END ACCESS                ACCESS of r, w, x
     function ADDRESS ARGUMENTS NAME
     module BASE NAME
     variable NAME VALUE                   of the environment
     result NAME NUMBER                    what a function answers
     fail                                  whatever can fail does
     ready                                 all is mapped
     call SEED ADDRESS ARGUMENT…
     unload                                forgets everything

   Numbers are decimal or 0x…; names and values have no spaces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { kLine = 512, kMostWords = 16, kMostBytes = 0x1000000 };

static unsigned char* g_bytes;

static void Fail(const char* text) {
  fprintf(stderr, "alpha_host: %s\n", text);
  exit(1);
}

static uint32_t Number(const char* text) {
  return (uint32_t)strtoul(text, NULL, 0);
}

static int64_t Canonical(const char* text) { return (int32_t)Number(text); }

static void Done(void) {
  puts("done");
  fflush(stdout);
}

static void ReadImage(char** words) {
  g_image = (Image){Number(words[1]), Number(words[2]), Number(words[3]),
                    Number(words[4]), Number(words[5])};
  if (g_image.size < kPageSize || g_image.size > kMostBytes) Fail("image size");
  free(g_bytes);
  g_bytes = malloc(g_image.size);
  if (!g_bytes || fread(g_bytes, 1, g_image.size, stdin) != g_image.size) {
    Fail("the image is cut off");
  }
  MapImage(g_bytes);
}

static void Call(char** words, int count, int has_result) {
  int64_t arguments[kMaxArguments];
  int given = count - 3;
  if (given > kMaxArguments) Fail("arguments");
  for (int i = 0; i < given; ++i) arguments[i] = Canonical(words[3 + i]);
  SeedJunk(Number(words[1]));
  RunDll(Number(words[2]), given, arguments, has_result);
  Done();
}

static int Is(char** words, int count, const char* name, int wanted) {
  if (strcmp(words[0], name) != 0) return 0;
  if (count < wanted) Fail(name);
  return 1;
}

static void Obey(char** words, int count) {
  if (Is(words, count, "image", 6)) {
    ReadImage(words);
  } else if (Is(words, count, "section", 4)) {
    AddSection(Number(words[1]), Number(words[2]), words[3], g_bytes);
  } else if (Is(words, count, "function", 4)) {
    AddFunction(Number(words[1]), (int)Number(words[2]), words[3]);
  } else if (Is(words, count, "module", 3)) {
    AddModule(Number(words[1]), words[2]);
  } else if (Is(words, count, "variable", 3)) {
    AddVariable(words[1], words[2]);
  } else if (Is(words, count, "result", 3)) {
    AddResult(words[1], Canonical(words[2]));
  } else if (Is(words, count, "fail", 1)) {
    FailEverything();
  } else if (Is(words, count, "ready", 1)) {
    CheckFunctionTable();
    Done();
  } else if (Is(words, count, "call", 3)) {
    Call(words, count, 1);
  } else if (Is(words, count, "callback", 3)) {
    Call(words, count, 0);
  } else if (Is(words, count, "unload", 1)) {
    UnmapImage();
    ForgetSystem();
    Done();
  } else {
    Fail(words[0]);
  }
}

int main(void) {
  char line[kLine];
  MapProcess();
  ForgetSystem();
  InstallHandlers();
  while (fgets(line, sizeof line, stdin)) {
    char* words[kMostWords];
    int count = 0;
    for (char* word = strtok(line, " \n"); word && count < kMostWords;
         word = strtok(NULL, " \n")) {
      words[count++] = word;
    }
    if (count > 0) Obey(words, count);
  }
  return 0;
}
