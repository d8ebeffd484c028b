// SPDX-License-Identifier: Apache-2.0
// Writes the seeds that a fuzz run starts from and that ordinary tests replay:
// make_seeds FOLDER [DLL...]. Made, not stored: the repository holds only
// inputs that once found something.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "disasm/code_view.h"
#include "patcher/batch/cabinet_writer.h"
#include "patcher/batch/szdd_writer.h"
#include "patcher/patch_file.h"
#include "patcher/pe_image.h"
#include "patcher/undo_record.h"
#include "patcher/verify_file.h"
#include "patcher/version.h"
#include "tests/fuzz/code_input.h"
#include "tests/support/dbg_builder.h"
#include "tests/support/leaky_image.h"
#include "tests/support/packed.h"
#include "tests/support/pe_blob.h"
#include "tests/support/read_built.h"
#include "tests/support/security_dll.h"

namespace detachfix::fuzz {

namespace {

namespace fs = std::filesystem;

void Write(const fs::path& path, const std::vector<uint8_t>& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
}

/// Whole files, for the reader and for the pipeline.
void WriteFile(const fs::path& folder, const std::string& name,
               const Bytes& bytes) {
  Write(folder / "reader" / name, bytes);
  Write(folder / "pipeline" / name, bytes);
}

test::PeSpec Bound() {
  test::PeSpec spec = test::LeakySpec();
  spec.imports[0].bound_stamp = 0x33000000;
  spec.overlay.assign(0x110, 0x20);
  return spec;
}

test::PeSpec WithoutLookupTable() {
  test::PeSpec spec = test::LeakySpecWithDelete();
  spec.imports[0].lookup_table = false;
  spec.iat_directory = false;
  spec.relocations = false;
  return spec;
}

void WriteBuiltFiles(const fs::path& folder) {
  WriteFile(folder, "full", test::BuildPe(test::FullSpec()).bytes);
  WriteFile(folder, "leaky", test::BuildPe(test::LeakySpec()).bytes);
  WriteFile(folder, "leaky-bound", test::BuildPe(Bound()).bytes);
  WriteFile(folder, "no-lookup", test::BuildPe(WithoutLookupTable()).bytes);
  WriteFile(folder, "security", test::LeakingSecurityDll());
  WriteFile(folder, "no-slack", test::LeakingFullDll());
  const std::string path = "seed.dll";
  VerifiedFile leaking =
      VerifyBytes(path, test::LeakingSecurityDll(), std::nullopt);
  const Result<PatchedBytes> patched = PatchInMemory(leaking);
  if (patched) WriteFile(folder, "patched", patched->bytes);
  const Result<UndoRecord> record =
      MakeUndoRecord(leaking.file.bytes, leaking.outcome.plan->edits, kVersion);
  if (record) Write(folder / "reader" / "undo-record", Encode(*record));
}

/// Code at kCodeRva: addresses in it are those of code_input.h.
struct CodeSeed {
  const char* name;
  const char* code;
};

constexpr CodeSeed kCodeSeeds[] = {
    {"if-chain",
     "83 7c 24 08 01 75 0b 68 00000110 ff15 00000210 eb 10 "
     "83 7c 24 08 00 75 09 68 00000110 ff15 04000210 33c0 40 c2 0c00"},
    {"dec-jz",
     "55 8bec 8b45 0c 83e8 00 74 0f 48 75 18 68 00000110 ff15 00000210 eb 0b "
     "68 00000110 ff15 04000210 b8 01000000 5d c2 0c00"},
    {"jump-table",
     "8b4424 08 83f8 03 77 2f ff2485 00000110 90 68 40000110 ff15 00000210 "
     "b8 01000000 c2 0c00 68 40000110 ff15 04000210 b8 01000000 c2 0c00"},
    {"flag-guard",
     "837c24 08 01 75 17 68 10000110 ff15 00000210 c705 00000110 01000000 eb "
     "14 833d 00000110 00 74 0b 68 10000110 ff15 04000210 b8 01000000 c20c00"},
    {"loop",
     "57 bf 00000110 57 ff15 00000210 83c7 18 81ff 60000110 72 ee 5f 33c0 40 "
     "c2 0c00"},
    {"get-proc-address",
     "68 00000110 6a 00 ff15 14000210 85c0 74 07 68 20000110 ffd0 33c0 40 c2 "
     "0c00"},
    {"string-move", "56 57 fc b9 08000000 f3a5 f3aa f2ae 5f 5e c2 0c00"},
    {"float", "d9ee dd1d 00000110 dde0 9b d83d 00000110 c2 0c00"},
    {"calls-itself", "e8 fbffffff c2 0c00"},
    {"push-pop-all", "60 9c 9d 61 c8 100000 c9 c2 0c00"},
};

void WriteCode(const fs::path& folder) {
  const std::vector<uint8_t> data(64, 0);
  for (const CodeSeed& seed : kCodeSeeds) {
    const std::vector<uint8_t> code = test::ParseContent(seed.code).bytes;
    const std::vector<uint8_t> input = MakeCodeInput(kMachineI386, code, data);
    Write(folder / "lifter" / seed.name, input);
    Write(folder / "tracer" / seed.name, input);
  }
}

/// Decisions of a seeded generator: made_dll's seeds.
void WriteDecisions(const fs::path& folder) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::vector<uint8_t> bytes(40 + random() % 120);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    Write(folder / "made_dll" / std::to_string(i), bytes);
  }
}

/// .dbg files of each kind.
void WriteDebugFiles(const fs::path& folder) {
  const PeImage image = test::MustRead(test::LeakySpec());
  const test::DebugData coff =
      test::Coff({{"_DllMain@12", 0}, {"label", 4, 1, 0, 6}, {"_d", 8, 2, 0}});
  const test::DebugData view =
      test::CodeView("NB09", {{"_DllMain@12", 0}, {"_b", 4, 1, 0x205}});
  const test::DebugData long_types =
      test::CodeView("NB11", {{"_c", 4, 1, 0x100a}}, 0x125);
  const test::DebugData misc = {4, std::vector<uint8_t>(12)};
  const std::pair<const char*, std::vector<test::DebugData>> files[] = {
      {"coff", {misc, coff}},
      {"codeview", {view, misc}},
      {"codeview-long", {long_types}},
      {"all", {misc, coff, view, long_types, {3, {}}}},
      {"rearranged", {coff, {7, {}}, {8, {}}}}};
  for (const auto& [name, entries] : files) {
    Write(folder / "debug_file" / name, test::BuildDbg(image, entries));
  }
}

Bytes ReadWhole(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A small image in each packed form.
void WritePacked(const fs::path& folder) {
  const Bytes image = test::LeakingSecurityDll();
  const auto write = [&](const char* name, const Bytes& bytes) {
    Write(folder / "unpack" / name, bytes);
  };
  write("szdd", WriteSzdd(image, 'l'));
  write("qbasic", test::PackQbasic(image));
  for (uint16_t method = 0; method <= 4; ++method) {
    const std::string name = "kwaj-" + std::to_string(method);
    write(name.c_str(),
          test::PackKwaj({method, true, "SECURITY", "DLL", "text"}, image));
    write((name + "-unsized").c_str(),
          test::PackKwaj({method, false, "", "", ""}, image));
  }
  write("lzx", test::PackLzxCabinet("security.dll", image));
  CabinetForm form{"security.dll", 0x2821, 0, 0x20, 0, 0, 0};
  for (const uint16_t method : {uint16_t{0}, uint16_t{1}}) {
    form.compression = method;
    const Result<Bytes> cabinet = WriteCabinet(form, image);
    if (cabinet) write(method == 0 ? "stored" : "mszip", *cabinet);
  }
}

}  // namespace

}  // namespace detachfix::fuzz

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER [DLL...]\n");
    return 64;
  }
  namespace fuzz = detachfix::fuzz;
  const std::filesystem::path folder = argv[1];
  std::filesystem::remove_all(folder);
  fuzz::WriteBuiltFiles(folder);
  fuzz::WriteCode(folder);
  fuzz::WriteDecisions(folder);
  fuzz::WriteDebugFiles(folder);
  fuzz::WritePacked(folder);
  for (int i = 2; i < argc; ++i) {
    const std::filesystem::path dll = argv[i];
    fuzz::WriteFile(folder, dll.filename().string(), fuzz::ReadWhole(dll));
  }
  return 0;
}
