// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/run_id.h"

#include <limits.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <random>

namespace detachfix {
namespace {

std::string FormatUtc(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, format, &utc));
}

}  // namespace

std::string UtcNow() { return FormatUtc("%Y-%m-%dT%H:%M:%SZ"); }

std::string NewRunId() {
  char number[8];
  std::snprintf(number, sizeof number, "%04x", std::random_device()() & 0xFFFF);
  return FormatUtc("%Y%m%d-%H%M%S") + "-" + std::to_string(getpid()) + "-" +
         number;
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace detachfix
