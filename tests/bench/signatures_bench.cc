// SPDX-License-Identifier: Apache-2.0
// What the signatures cost a run: reading every built-in table, and looking up
// one file. tests/bench/check_signatures holds the first under 2 ms.
#include <benchmark/benchmark.h>

#include "signatures/match.h"
#include "signatures/table.h"

namespace {

void ReadBuiltInTables(benchmark::State& state) {
  for (auto unused : state) {
    static_cast<void>(unused);
    benchmark::DoNotOptimize(detachfix::ReadTables(detachfix::BuiltInTables()));
  }
}
BENCHMARK(ReadBuiltInTables)->Unit(benchmark::kMillisecond);

void LookUpOneFile(benchmark::State& state) {
  const detachfix::SignatureTables tables =
      detachfix::ReadTables(detachfix::BuiltInTables());
  detachfix::BuildFacts facts;
  facts.dll = "security.dll";
  facts.machine = 0x14c;
  facts.size = 58640;
  facts.stamp = 0x37284ab0;
  for (auto unused : state) {
    static_cast<void>(unused);
    benchmark::DoNotOptimize(detachfix::MatchBuild(facts, tables.rows));
  }
}
BENCHMARK(LookUpOneFile)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
