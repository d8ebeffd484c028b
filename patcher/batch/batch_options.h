// SPDX-License-Identifier: Apache-2.0
// What the command lines of `batch`, `history` and `revert --run` say.
#ifndef DETACHFIX_PATCHER_BATCH_BATCH_OPTIONS_H_
#define DETACHFIX_PATCHER_BATCH_BATCH_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

namespace detachfix {

struct BatchOptions {
  bool apply = false;

  // Which files.
  bool all_dlls = false;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::vector<std::string> exclude_from;
  std::string files_from;  ///< "-" is standard input; empty: not given
  bool cross_file_systems = false;
  bool enter_snapshots = false;
  std::string shard;  ///< "I/N", or empty

  // What is done to them.
  bool recompress = false;
  bool update_setup_log = false;

  // The ledger.
  std::string ledger;  ///< path; empty: the usual one
  bool resume = false;
  bool recheck = false;
  std::string run;  ///< of `revert --run` and `--resume`, or empty
  std::vector<std::string> only;  ///< of `revert --run`

  // How.
  unsigned jobs = 0;    ///< 0: as many as there are cores
  double throttle = 0;  ///< files a second; 0: no limit
  double max_read = 0;  ///< megabytes (10^6) a second; 0: no limit
  bool normal_priority = false;
  std::vector<std::string> reports;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_BATCH_OPTIONS_H_
