// SPDX-License-Identifier: Apache-2.0
// std::mutex of Visual C++ 2015 and later in one ordinary process, where nobody
// else has locked one. The DLL of the C++ library does the work, but code that
// was compiled with later headers reads a field of the structure itself: how
// often it is locked (_Verify_ownership_levels in <mutex>, _Mtx_do_lock in
// mutex.cpp, both of microsoft/STL).

#include "disasm/process/answers.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

// Fields of _Mtx_internal_imp_t (xthreads.h), by their offsets in bytes. What
// lies between them is the DLL's own.
constexpr int64_t kType = 0;
constexpr int64_t kOwnStorage = 4;
constexpr uint32_t kOwnStorageSize = 36;
constexpr int64_t kOwner = 40;  // the thread, or -1
constexpr int64_t kCount = 44;
constexpr uint64_t kNobody = 0xffffffff;
constexpr uint64_t kSuccess = 0;  // _Thrd_result::_Success

MemoryAddress FieldOf(const MemoryAddress& mutex, int64_t offset) {
  return {mutex.region, mutex.offset + offset};
}

}  // namespace

/// _Mtx_init_in_situ(mutex, type).
std::optional<Value> MakeMutex(const ProcessCall& call, const Answer&) {
  const std::optional<MemoryAddress> mutex = call.Pointed(0);
  if (!mutex) return std::nullopt;
  call.ForgetIfInImage(call.Argument(0));
  call.StoreAt(FieldOf(*mutex, kType), 4, call.Argument(1));
  call.state.memory.Forget(FieldOf(*mutex, kOwnStorage), kOwnStorageSize);
  call.StoreAt(FieldOf(*mutex, kOwner), 4, ConstantValue(kNobody));
  call.StoreAt(FieldOf(*mutex, kCount), 4, ConstantValue(0));
  return ConstantValue(kSuccess);
}

/// _Mtx_lock(mutex) and _Mtx_unlock(mutex): nothing where it is not known how
/// often the mutex is locked.
std::optional<Value> LockMutex(const ProcessCall& call, const Answer& answer) {
  const std::optional<MemoryAddress> mutex = call.Pointed(0);
  if (!mutex) return std::nullopt;
  const MemoryAddress count = FieldOf(*mutex, kCount);
  const Value locks = Evaluate(BinaryOp::kAdd, 32, call.Load(count, 4),
                               ConstantValue(answer.number));
  if (!locks.IsConstant()) return std::nullopt;
  call.ForgetIfInImage(call.Argument(0));
  call.state.memory.Forget(FieldOf(*mutex, kOwnStorage), kOwnStorageSize);
  call.StoreAt(FieldOf(*mutex, kOwner), 4,
               ConstantValue(locks.bits == 0 ? kNobody : kThreadId));
  call.StoreAt(count, 4, locks);
  return ConstantValue(kSuccess);
}

}  // namespace detachfix
