// SPDX-License-Identifier: Apache-2.0
// What a verdict costs, against what LIEF alone takes to parse the same bytes,
// and what the signatures cost beside it, in the same run:
// verify_bench [BENCHMARK-OPTION...] FILE...
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "patcher/consult_signatures.h"
#include "patcher/diagnosis.h"
#include "patcher/lief_reader.h"
#include "patcher/pe_image.h"
#include "patcher/sha256.h"
#include "patcher/shared_bytes.h"

namespace {

using Bytes = std::vector<uint8_t>;

void CountBytes(benchmark::State& state, const Bytes& bytes) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          static_cast<int64_t>(bytes.size()));
}

void ParseWithLief(benchmark::State& state, const Bytes& bytes) {
  for (auto unused : state) {
    static_cast<void>(unused);
    benchmark::DoNotOptimize(detachfix::ReadWithLief(bytes));
  }
  CountBytes(state, bytes);
}

void Verify(benchmark::State& state, const Bytes& bytes) {
  // The program's files are shared from the start, and not copied for this.
  const detachfix::SharedBytes shared(bytes);
  for (auto unused : state) {
    static_cast<void>(unused);
    const auto read = detachfix::ReadPeImage(shared);
    if (!read || !read->image) {
      state.SkipWithError("cannot be read");
      return;
    }
    benchmark::DoNotOptimize(detachfix::Diagnose(*read->image));
  }
  CountBytes(state, bytes);
}

/// What every run pays once.
void ReadTables(benchmark::State& state) {
  for (auto unused : state) {
    static_cast<void>(unused);
    benchmark::DoNotOptimize(detachfix::ReadTables(detachfix::BuiltInTables()));
  }
}

/// What each file pays: its facts, two hashes among them, and the look-up.
void LookUp(benchmark::State& state, const Bytes& bytes) {
  const detachfix::SignatureTables tables =
      detachfix::ReadTables(detachfix::BuiltInTables());
  const auto read = detachfix::ReadPeImage(bytes);
  if (!read || !read->image) {
    state.SkipWithError("cannot be read");
    return;
  }
  for (auto unused : state) {
    static_cast<void>(unused);
    const detachfix::Sha256 hash = detachfix::HashSha256(read->image->bytes);
    benchmark::DoNotOptimize(detachfix::MatchBuild(
        detachfix::FactsOf(*read->image, hash), tables.rows));
  }
  CountBytes(state, bytes);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc < 2) {
    std::fprintf(stderr, "usage: verify_bench [BENCHMARK-OPTION...] FILE...\n");
    return 64;
  }
  benchmark::RegisterBenchmark("built-in tables/read", ReadTables)
      ->Unit(benchmark::kMicrosecond);
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    std::ifstream file(path, std::ios::binary);
    const Bytes bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.empty()) {
      std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
      return 1;
    }
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const auto& [what, run] :
         {std::pair("lief", &ParseWithLief), std::pair("verify", &Verify),
          std::pair("look up", &LookUp)}) {
      benchmark::RegisterBenchmark(
          (name + "/" + what).c_str(),
          [bytes, run = run](benchmark::State& state) { run(state, bytes); })
          ->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
