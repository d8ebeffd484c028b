// SPDX-License-Identifier: Apache-2.0
// Writes the seeds that a fuzz run starts from and that ordinary tests replay:
// make_seeds FOLDER SAMPLES. Those of Alpha's whole files are the samples of
// that machine in the folder SAMPLES. Made, not stored: the repository holds
// only inputs that once found something.
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
    // What imports do with memory, text and functions, as GNU as assembles it.
    {"blocks",
     "6a 40 ff 15 40 00 02 10 68 80 00 00 00 50 ff 15 48 00 02 10 83 c4 0c "
     "6a 20 68 00 00 01 10 50 ff 15 50 00 02 10 83 c4 0c 50 ff 15 00 00 02 "
     "10 b8 01 00 00 00 c2 0c 00"},
    {"dll-on-exit",
     "68 04 00 01 10 68 00 00 01 10 68 28 10 00 10 ff 15 8c 00 02 10 83 c4 "
     "0c 8b 0d 00 00 01 10 ff 11 b8 01 00 00 00 c2 0c 00 c3"},
    {"exit-table",
     "83 7c 24 08 01 75 20 68 00 00 01 10 ff 15 90 00 02 10 68 3d 10 00 10 "
     "68 00 00 01 10 ff 15 94 00 02 10 83 c4 0c eb 0e 68 00 00 01 10 ff 15 "
     "98 00 02 10 83 c4 04 b8 01 00 00 00 c2 0c 00 68 40 00 01 10 ff 15 04 "
     "00 02 10 c3"},
    {"init-table",
     "c7 05 00 00 01 10 2f 10 00 10 c7 05 04 00 01 10 2f 10 00 10 68 08 00 "
     "01 10 68 00 00 01 10 ff 15 84 00 02 10 83 c4 08 b8 01 00 00 00 c2 0c "
     "00 68 40 00 01 10 ff 15 00 00 02 10 c3"},
    {"once",
     "68 1b 10 00 10 68 00 00 01 10 ff 15 9c 00 02 10 83 c4 08 b8 01 00 00 "
     "00 c2 0c 00 68 40 00 01 10 ff 15 00 00 02 10 c3"},
    {"pages",
     "6a 1c 68 00000110 68 00000110 ff15 d8000210 68 20000110 6a 04 6a 10 68 "
     "00100010 ff15 dc000210 6a 00 6a 04 68 40000110 68 04000210 6a ff ff15 "
     "e0000210 68 60000110 ff15 04000210 8b0d e4000210 8b09 b8 01000000 c2 "
     "0c00"},
    {"text",
     "83 ec 40 89 e0 6a 28 50 6a 00 ff 15 c0 00 02 10 89 e0 6a 5c 50 ff 15 "
     "68 00 02 10 83 c4 08 50 68 00 00 01 10 ff 15 6c 00 02 10 ff 15 74 00 "
     "02 10 83 c4 48 b8 01 00 00 00 c2 0c 00"},
    {"thread-index",
     "ff 15 a8 00 02 10 a3 00 00 01 10 68 10 00 01 10 50 ff 15 b0 00 02 10 "
     "ff 35 00 00 01 10 ff 15 ac 00 02 10 50 ff 15 00 00 02 10 b8 01 00 00 "
     "00 c2 0c 00"},
};

/// The same in Alpha code, as GNU as assembles it: sections at 10010000h, their
/// addresses by ldah/lda, a flag at 10010030h, calls by ldah/ldl/jsr.
constexpr CodeSeed kAlphaCodeSeeds[] = {
    // lda sp,-16(sp); stq ra,0(sp); cmpeq a1,1,t0; beq t0,...
    {"if-chain",
     "f0ffde23 00005eb7 a1352042 050020e4 01101f26 02103f24 000061a3 00405b6b "
     "0500e0c3 040020f6 01101f26 02103f24 040061a3 00405b6b 01001f20 00005ea7 "
     "1000de23 0180fa6b"},
    // The flag is stored on attach, and tested on detach.
    {"flag-guard",
     "f0ffde23 00005eb7 08003eb5 01103f25 a1352042 070020e4 00000922 02103f24 "
     "000061a3 00405b6b 01005f20 300049b0 0700e0c3 300049a0 050040e4 040020f6 "
     "00000922 02103f24 040061a3 00405b6b 01001f20 08003ea5 00005ea7 1000de23 "
     "0180fa6b"},
    // s4addq a1,zero,t0; ...; ldl t0,32(t0); jmp (t0)
    {"jump-table",
     "a1772042 050020e4 41043f42 01105f24 01042240 200021a0 0000e16b 01001f20 "
     "0180fa6b"},
    // bsr to a helper that jumps on to the import, three times by bgt.
    {"helper-in-a-loop",
     "e0ffde23 00005eb7 08003eb5 10005eb5 01103f25 03005f21 00000922 090040d3 "
     "18002921 2a314041 fbff5ffd 01001f20 10005ea5 08003ea5 00005ea7 2000de23 "
     "0180fa6b 02103f24 000061a3 0000fb6b"},
    // cmovne chooses the slot; ldq_u, extbl, insbl, mskbl, zapnot, sll, sra.
    {"select-and-bytes",
     "a1352042 04005f20 c2043f44 02107f24 03004340 000063a3 0100902c c4009048 "
     "65019048 46009048 25f6a148 2517a448 8517a448 01101f26 0000fb6b"},
    // ldt, addt, stt, trapb, mb, rpcc, call_pal, ldl_l, stl_c
    {"float-and-pal",
     "0000308c 03142258 0800709c 00000060 00400060 00c01f60 aa000000 000030a8 "
     "01302040 000030b8 0180fa6b"},
};

void WriteCode(const fs::path& folder) {
  const std::vector<uint8_t> data(64, 0);
  for (const CodeSeed& seed : kCodeSeeds) {
    const std::vector<uint8_t> code = test::ParseContent(seed.code).bytes;
    const std::vector<uint8_t> input = MakeCodeInput(kMachineI386, code, data);
    Write(folder / "lifter" / seed.name, input);
    Write(folder / "tracer" / seed.name, input);
  }
  for (const CodeSeed& seed : kAlphaCodeSeeds) {
    const std::vector<uint8_t> code = test::ParseContent(seed.code).bytes;
    const std::vector<uint8_t> input = MakeCodeInput(kMachineAlpha, code, data);
    Write(folder / "alpha_lifter" / seed.name, input);
    Write(folder / "alpha_tracer" / seed.name, input);
  }
}

/// Decisions of a seeded generator: the seeds of made_dll and edits.
void WriteDecisions(const fs::path& folder) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::vector<uint8_t> bytes(40 + random() % 120);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    Write(folder / "made_dll" / std::to_string(i), bytes);
    Write(folder / "edits" / std::to_string(i), bytes);
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
  write("quantum", test::PackQuantumCabinet("security.dll", image));
  CabinetForm form{"security.dll", 0x2821, 0, 0x20, 0, 0, 0};
  for (const uint16_t method : {uint16_t{0}, uint16_t{1}}) {
    form.compression = method;
    const Result<Bytes> cabinet = WriteCabinet(form, image);
    if (cabinet) write(method == 0 ? "stored" : "mszip", *cabinet);
  }
}

/// Alpha samples as whole files, and the code of each for the lifter. Those
/// that a compiler made: they are small, and libFuzzer's inputs get no longer
/// than its longest seed.
void WriteAlphaSamples(const fs::path& folder, const fs::path& samples) {
  constexpr uintmax_t kMaxSeed = 8192;
  for (const auto& entry : fs::directory_iterator(samples)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("alpha-") || !name.ends_with(".dll")) continue;
    if (entry.file_size() > kMaxSeed) continue;
    const Bytes file = ReadWhole(entry.path());
    Write(folder / "alpha_pipeline" / name, file);
    const Result<ReadPe> read = ReadPeImage(file);
    if (!read || !read->image) continue;
    const CodeView view = MakeCodeView(*read->image);
    for (const CodeRegion& region : view.regions) {
      if (!region.executable) continue;
      Write(folder / "alpha_lifter" / name,
            MakeCodeInput(kMachineAlpha, region.content, {}));
    }
  }
}

}  // namespace

}  // namespace detachfix::fuzz

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_seeds FOLDER SAMPLES\n");
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
  fuzz::WriteAlphaSamples(folder, argv[2]);
  return 0;
}
