// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/agenda.h"

#include <utility>

namespace detachfix {
namespace {

// How far to read ahead: enough that no thread waits for the one that takes,
// and little memory.
constexpr size_t kMaxFoldersAhead = 1024;
constexpr size_t kMaxBytesAhead = size_t{8} << 20;

size_t BytesOf(const FolderListing& listing) {
  return listing.names.size() + listing.entries.size() * sizeof(FolderEntry);
}

// Moves `next` on to the next entry that is a folder. Whether there is one.
bool FindNext(SearchFolder& folder) {
  const std::vector<FolderEntry>& entries = folder.listing.entries;
  while (folder.next < entries.size() &&
         entries[folder.next].kind != EntryKind::kFolder) {
    ++folder.next;
  }
  return folder.next < entries.size();
}

}  // namespace

FolderAgenda::FolderAgenda(std::unique_ptr<SearchFolder> top, unsigned threads,
                           const ReadFolderOptions& options, ReadFunction read)
    : options_(options),
      read_(std::move(read)),
      reader_(options),
      top_(std::move(top)) {
  top_->is_read = true;
  Enlist(*top_, folders_.end());
  // The thread that takes reads too.
  try {
    for (unsigned i = 1; i < threads; ++i) {
      threads_.emplace_back([this] { RunThread(); });
    }
  } catch (const std::exception&) {
    // There are too many of them, or no memory is left: it goes on with those
    // that there are.
  }
}

FolderAgenda::~FolderAgenda() {
  {
    const Lock lock(mutex_);
    stop_ = true;
  }
  wake_threads_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void FolderAgenda::Enlist(SearchFolder& folder,
                          std::list<SearchFolder*>::iterator before) {
  if (FindNext(folder)) folder.place = folders_.insert(before, &folder);
}

// The next folder of `parent`, which has one and is enlisted.
SearchFolder* FolderAgenda::Begin(SearchFolder& parent) {
  auto child = std::make_unique<SearchFolder>();
  child->parent = &parent;
  child->name = parent.listing.NameOf(parent.listing.entries[parent.next]);
  child->place = folders_.insert(parent.place, child.get());
  ++parent.next;
  if (!FindNext(parent)) folders_.erase(parent.place);
  ++ahead_;
  parent.begun.push_back(std::move(child));
  return parent.begun.back().get();
}

// The first one that nobody has begun to read, unless that is too far ahead.
SearchFolder* FolderAgenda::BeginAny() {
  is_full_ |= ahead_ >= kMaxFoldersAhead || bytes_ahead_ >= kMaxBytesAhead;
  if (is_full_) return nullptr;
  for (SearchFolder* folder : folders_) {
    if (folder->is_read) return Begin(*folder);
  }
  return nullptr;
}

void FolderAgenda::ReadBegun(Lock& lock, FolderReader& reader,
                             SearchFolder& folder) {
  lock.unlock();
  read_(reader, folder);
  lock.lock();
  folder.is_read = true;
  bytes_ahead_ += BytesOf(folder.listing);
  const bool has_folders = FindNext(folder);
  if (!has_folders) folders_.erase(folder.place);
  if (has_folders && idle_ > 0) wake_threads_.notify_all();
  if (taker_waits_) wake_taker_.notify_one();
}

std::unique_ptr<SearchFolder> FolderAgenda::Take(SearchFolder& parent) {
  Lock lock(mutex_);
  if (parent.begun.empty()) ReadBegun(lock, reader_, *Begin(parent));
  SearchFolder& folder = *parent.begun.front();
  while (!folder.is_read) {
    if (failure_) std::rethrow_exception(failure_);
    if (SearchFolder* other = BeginAny()) {
      ReadBegun(lock, reader_, *other);
      continue;
    }
    taker_waits_ = true;
    wake_taker_.wait(lock);
    taker_waits_ = false;
  }
  std::unique_ptr<SearchFolder> taken = std::move(parent.begun.front());
  parent.begun.pop_front();
  --ahead_;
  bytes_ahead_ -= BytesOf(folder.listing);
  // Not for every folder that is taken: to wake a thread costs as much as to
  // read a folder.
  if (is_full_ && ahead_ <= kMaxFoldersAhead / 2 &&
      bytes_ahead_ <= kMaxBytesAhead / 2) {
    is_full_ = false;
    wake_threads_.notify_all();
  }
  return taken;
}

void FolderAgenda::Resume(SearchFolder& folder) {
  const Lock lock(mutex_);
  // All that comes before it was handed out.
  Enlist(folder, folders_.begin());
  if (idle_ > 0) wake_threads_.notify_all();
}

void FolderAgenda::RunThread() {
  try {
    ReadAhead();
  } catch (...) {
    const Lock lock(mutex_);
    failure_ = std::current_exception();
    wake_taker_.notify_one();
  }
}

void FolderAgenda::ReadAhead() {
  FolderReader reader(options_);
  Lock lock(mutex_);
  while (!stop_) {
    if (SearchFolder* folder = BeginAny()) {
      ReadBegun(lock, reader, *folder);
    } else {
      ++idle_;
      wake_threads_.wait(lock);
      --idle_;
    }
  }
}

}  // namespace detachfix
