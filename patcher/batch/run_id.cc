// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/run_id.h"

#include <limits.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <fstream>
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

bool IsRunning(const std::string& id) {
  // The third of the fields.
  size_t begin = 0;
  for (int i = 0; i < 2; ++i) begin = id.find('-', begin) + 1;
  const std::string number = id.substr(begin, id.find('-', begin) - begin);
  if (number == std::to_string(getpid())) return false;
  std::ifstream name("/proc/" + number + "/comm");  // proc(5)
  std::string comm;
  return std::getline(name, comm) && comm == "detachfix";
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace detachfix
