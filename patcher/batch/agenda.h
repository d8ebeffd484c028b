// SPDX-License-Identifier: Apache-2.0
// Reading many folders at a time while what they hold is handed out in order.
//
// Folders are read ahead in the order in which their content will be wanted,
// and only so far ahead: the first unread one in that order is always next.
// So what is kept is the folders from the root to where the search stands, and
// a bounded number of folders beyond.
#ifndef DETACHFIX_PATCHER_BATCH_AGENDA_H_
#define DETACHFIX_PATCHER_BATCH_AGENDA_H_

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "patcher/batch/folder_reader.h"

namespace detachfix {

/// A folder of the search, from when somebody begins to read it until all that
/// lies in it was handed out.
struct SearchFolder {
  SearchFolder* parent = nullptr;  ///< outlives this
  std::string name;                ///< in `parent`
  FolderListing listing;
  /// Left open for what lies below; see SearchFolder::anchor.
  Descriptor descriptor;
  /// The nearest folder from here upwards that has a descriptor. Paths are
  /// opened from there, since the kernel takes none of PATH_MAX bytes.
  const SearchFolder* anchor = nullptr;
  /// Another file system is mounted there, so it was not read.
  bool crosses = false;
  bool is_read = false;

  // The rest is for FolderAgenda.
  std::deque<std::unique_ptr<SearchFolder>> begun;  ///< in order
  size_t next = 0;  ///< entry of `listing` from where on no folder is begun
  std::list<SearchFolder*>::iterator place;
};

/// Calls `read` for folders, in several threads: fewer than wanted where no
/// more can be started.
class FolderAgenda {
 public:
  /// Fills in what `folder` has besides its name and parent.
  using ReadFunction = std::function<void(FolderReader&, SearchFolder& folder)>;

  /// Begins with `top`, which has been read.
  FolderAgenda(std::unique_ptr<SearchFolder> top, unsigned threads,
               const ReadFolderOptions& options, ReadFunction read);
  ~FolderAgenda();

  SearchFolder& top() { return *top_; }
  /// The next folder of `parent` in the order of its entries, once it is read.
  /// To be called for every one of them.
  std::unique_ptr<SearchFolder> Take(SearchFolder& parent);
  /// What is to be done for `folder`, just taken, before what lies below it is
  /// begun: it was left with `crosses`, and now has a listing after all.
  void Resume(SearchFolder& folder);

  FolderReader& reader() { return reader_; }

 private:
  using Lock = std::unique_lock<std::mutex>;

  SearchFolder* Begin(SearchFolder& parent);
  SearchFolder* BeginAny();
  void ReadBegun(Lock& lock, FolderReader& reader, SearchFolder& folder);
  void Enlist(SearchFolder& folder, std::list<SearchFolder*>::iterator before);
  void RunThread();
  void ReadAhead();

  const ReadFolderOptions options_;
  const ReadFunction read_;
  FolderReader reader_;  // of the thread that calls Take
  std::unique_ptr<SearchFolder> top_;

  std::mutex mutex_;
  std::condition_variable wake_threads_;
  std::condition_variable wake_taker_;
  // Guarded by mutex_: the folders that are being read or have folders that
  // are not begun, in the order in which these are wanted.
  std::list<SearchFolder*> folders_;
  size_t ahead_ = 0;        // folders begun and not taken
  size_t bytes_ahead_ = 0;  // in the listings of those that are read
  bool is_full_ = false;    // of these, until half of them are taken
  size_t idle_ = 0;         // threads that wait
  bool taker_waits_ = false;
  bool stop_ = false;
  std::exception_ptr failure_;  // of a thread; Take throws it
  std::vector<std::thread> threads_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_BATCH_AGENDA_H_
