// SPDX-License-Identifier: Apache-2.0
#include "patcher/option_checks.h"

#include <utility>
#include <vector>

#include "patcher/batch/glob.h"
#include "patcher/batch/shard.h"
#include "patcher/undo_record.h"
#include "signatures/signature.h"

namespace detachfix {

namespace {

/// What is wrong with the patterns of --include, --exclude and --only, or an
/// empty string. One that is taken for something else than was meant would
/// repair what was to be spared.
std::string CheckPatterns(const BatchOptions& batch) {
  struct Option {
    const char* name;
    const std::vector<std::string>& patterns;
    bool of_files;
  };
  const Option options[] = {{"--include", batch.include, true},
                            {"--exclude", batch.exclude, false},
                            {"--only", batch.only, true}};
  for (const Option& option : options) {
    for (const std::string& text : option.patterns) {
      const NamePattern pattern(text);
      std::string problem = pattern.Problem();
      if (problem.empty() && option.of_files && pattern.folders_only()) {
        problem = "ends with '/', which only folders match";
      }
      if (!problem.empty()) return BadPattern(option.name, text, problem);
    }
  }
  return "";
}

/// The same of --shard.
std::string CheckShard(const BatchOptions& batch) {
  if (batch.shard.empty()) return "";
  const Result<Shard> shard = ParseShard(batch.shard);
  return shard ? "" : "--shard=" + batch.shard + ": " + shard.error().message;
}

}  // namespace

std::string CheckBatchOptions(uint32_t bits, const Options& options) {
  const BatchOptions& batch = options.batch;
  const bool has_paths = !options.paths.empty();
  if ((bits & kBatchOptions) != 0) {
    const int sources =
        int{has_paths} + int{!batch.files_from.empty()} + int{batch.resume};
    if (sources == 0) return "give DIR, or --files-from, or --resume";
    if (sources > 1) return "give only one of DIR, --files-from and --resume";
  }
  if ((bits & kRunOptions) != 0) {
    if (has_paths != batch.run.empty()) return "give FILE or --run";
    if (!batch.only.empty() && batch.run.empty()) return "--only needs --run";
    if (!batch.ledger.empty() && batch.run.empty()) {
      return "--ledger needs --run";
    }
    if (!batch.reports.empty() && batch.run.empty()) {
      return "--report needs --run";
    }
  }
  const std::string shard = CheckShard(batch);
  return shard.empty() ? CheckPatterns(batch) : shard;
}

std::string CheckRowOptions(const Options& options) {
  for (const std::string& level : options.levels) {
    if (IsLevel(level)) continue;
    return "--level: '" + level +
           "' is not one of RTM, SP1 to SP6, SP6a, before-SP6, and no article "
           "of a hotfix like Q238185";
  }
  if (!ProductText(options.product)) {
    return "--product: '" + options.product + "' is not nt4 or nt4-tse";
  }
  if (options.crypto && !IsCrypto(*options.crypto)) {
    return "--crypto: " + std::to_string(*options.crypto) +
           " is not 40, 56 or 128";
  }
  if (!options.row_id.empty() && !IsRowId(options.row_id)) {
    return "--id: '" + options.row_id +
           "' is not made of lower-case letters, digits and '-'";
  }
  return "";
}

std::string CheckNewFiles(const Options& options) {
  if (!options.output.empty() && options.paths.size() != 1) {
    return "-o takes one FILE, got " + std::to_string(options.paths.size());
  }
  const std::string is_taken = ": names that end with " +
                               std::string(kSideFileSuffix) +
                               " are those of undo records";
  if (options.output.ends_with(kSideFileSuffix)) {
    return "-o " + options.output + is_taken;
  }
  if (!options.backup_suffix) return "";
  if (options.backup_suffix->empty()) return "--backup= needs a suffix";
  if (options.backup_suffix->ends_with(kSideFileSuffix)) {
    return "--backup=" + *options.backup_suffix + is_taken;
  }
  if (options.backup_suffix->find('/') != std::string::npos) {
    return "--backup=" + *options.backup_suffix + ": a suffix has no '/' in it";
  }
  return "";
}

}  // namespace detachfix
