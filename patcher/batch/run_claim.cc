// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/run_claim.h"

#include <errno.h>
#include <fcntl.h>

#include "patcher/plan.h"
#include "patcher/sha256.h"

namespace detachfix {
namespace {

/// Far behind the end of every ledger, and behind the bytes that SQLite locks
/// (from 1 GiB on, sqlite.org/fileformat2.html, "The Lock-Byte Page").
constexpr off_t kFirstByte = off_t{1} << 62;
/// So many bytes of the hash choose the byte: no two runs of a ledger share it.
constexpr size_t kHashBytes = 6;

off_t ByteOf(const std::string& run) {
  const Sha256 hash = HashSha256(Bytes(run.begin(), run.end()));
  off_t number = 0;
  for (size_t i = 0; i < kHashBytes; ++i) number = number << 8 | hash[i];
  return kFirstByte + number;
}

}  // namespace

Claim RunClaims::Take(const std::string& run) {
  if (file_.number() < 0) {
    file_ = Descriptor(open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  }
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = ByteOf(run);
  lock.l_len = 1;
  // Of the open file, not of the process as SQLite's are: those would be given
  // up by whoever reads the file and closes it, as a search of a share may.
  if (fcntl(file_.number(), F_OFD_SETLK, &lock) == 0) return Claim::kOurs;
  return errno == EAGAIN || errno == EACCES ? Claim::kTaken : Claim::kUnknown;
}

}  // namespace detachfix
