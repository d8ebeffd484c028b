// SPDX-License-Identifier: Apache-2.0
// std::mutex of Visual C++ 2015 and later in one ordinary process, where nobody
// else has locked one. The DLL of the C++ library does the work, but code that
// was compiled with later headers reads a field of the structure itself: how
// often it is locked (_Verify_ownership_levels in <mutex>, _Mtx_do_lock in
// mutex.cpp, both of microsoft/STL).

#include "disasm/interpreter.h"
#include "disasm/process.h"

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
std::optional<Value> Interpreter::MakeMutex(State& state) {
  const std::optional<MemoryAddress> mutex = AddressOf(Argument(state, 0));
  if (!mutex) return std::nullopt;
  ForgetIfInImage(state, Argument(state, 0));
  StoreAt(state, FieldOf(*mutex, kType), 4, Argument(state, 1));
  state.memory.Forget(FieldOf(*mutex, kOwnStorage), kOwnStorageSize);
  StoreAt(state, FieldOf(*mutex, kOwner), 4, ConstantValue(kNobody));
  StoreAt(state, FieldOf(*mutex, kCount), 4, ConstantValue(0));
  return ConstantValue(kSuccess);
}

/// _Mtx_lock(mutex) and _Mtx_unlock(mutex): nothing where it is not known how
/// often the mutex is locked.
std::optional<Value> Interpreter::LockMutex(State& state, uint32_t by) {
  const std::optional<MemoryAddress> mutex = AddressOf(Argument(state, 0));
  if (!mutex) return std::nullopt;
  const MemoryAddress count = FieldOf(*mutex, kCount);
  const Value locks = Evaluate(BinaryOp::kAdd, 32, state.memory.Load(count, 4),
                               ConstantValue(by));
  if (!locks.IsConstant()) return std::nullopt;
  ForgetIfInImage(state, Argument(state, 0));
  state.memory.Forget(FieldOf(*mutex, kOwnStorage), kOwnStorageSize);
  StoreAt(state, FieldOf(*mutex, kOwner), 4,
          ConstantValue(locks.bits == 0 ? kNobody : kThreadId));
  StoreAt(state, count, 4, locks);
  return ConstantValue(kSuccess);
}

}  // namespace detachfix
