// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/report_file.h"

#include <utility>

#include "patcher/text_bytes.h"

namespace detachfix {

namespace {

constexpr size_t kBufferSize = size_t{1} << 16;
constexpr size_t kCopySize = size_t{1} << 20;
constexpr uint32_t kPermissionBits = 07777;

}  // namespace

Error ReportError(const std::string& path, const std::string& what,
                  const Error& cause) {
  return Error{path + ": " + what + ": " + cause.message};
}

Result<std::unique_ptr<ReportFile>> ReportFile::Create(
    Files& files, const std::string& path) {
  const Result<bool> exists = files.Exists(path);
  if (!exists) {
    return ReportError(path, "cannot be looked at", exists.error());
  }
  if (*exists) {
    const Result<FileState> state = files.Look(path);
    if (!state) return ReportError(path, "cannot be looked at", state.error());
    if (!state->is_regular) {
      return Error{path + ": is not a regular file, so no report replaces it"};
    }
  }
  files.RemoveLeftovers(path);
  Result<std::unique_ptr<OutputFile>> output = files.CreateUnseenBeside(path);
  if (!output) {
    return ReportError(path, "no file can be made beside it", output.error());
  }
  return std::unique_ptr<ReportFile>(
      new ReportFile(files, path, std::move(*output)));
}

ReportFile::ReportFile(Files& files, std::string path,
                       std::unique_ptr<OutputFile> output)
    : files_(files),
      path_(std::move(path)),
      output_(std::move(output)),
      mode_(NewFileMode()) {
  buffer_.reserve(kBufferSize);
}

ReportFile::~ReportFile() {
  if (committed_) return;
  // One that has no name yet is gone by itself. Nobody is left to be told; the
  // name says what the file was.
  static_cast<void>(files_.Remove(output_->path()));
}

Result<void> ReportFile::State() const {
  if (failed_) return *failed_;
  return {};
}

Result<void> ReportFile::Keep(const std::string& step,
                              const Result<void>& result) {
  if (!result && !failed_) failed_ = ReportError(path_, step, result.error());
  return State();
}

Result<void> ReportFile::Flush() {
  if (failed_ || buffer_.empty()) return State();
  const Result<void> written = output_->Write(BytesOf(buffer_));
  buffer_.clear();
  return Keep("cannot be written", written);
}

Result<void> ReportFile::Write(std::string_view text) {
  if (failed_) return State();
  buffer_ += text;
  return buffer_.size() < kBufferSize ? State() : Flush();
}

Result<void> ReportFile::WriteAllOf(ReportFile& other) {
  const Result<void> flushed = other.Flush();
  if (!flushed) return Keep("cannot be written", flushed);
  for (uint64_t at = 0;;) {
    const Result<Bytes> part =
        files_.ReadPart(other.output_->path(), at, kCopySize);
    if (!part) return Keep("cannot be read back", part.error());
    if (part->empty()) return State();
    Result<void> written = Write(TextOf(*part));
    if (!written) return written;
    at += part->size();
  }
}

// The permissions of the report that is replaced, else those of any new file:
// the temporary one can be read by its owner alone. A file system without
// permissions refuses; the report is worth more than they are.
void ReportFile::TakePermissions() {
  Result<FileState> own = files_.Look(output_->path());
  if (!own) return;
  const Result<FileState> replaced = files_.Look(path_);
  const uint32_t mode = replaced ? replaced->mode : mode_;
  own->mode = (own->mode & ~kPermissionBits) | (mode & kPermissionBits);
  static_cast<void>(output_->SetState(*own));
}

Result<void> ReportFile::Commit() {
  Result<void> done = Flush();
  if (done) done = Keep("cannot be given a name", output_->Appear());
  if (!done) return done;
  TakePermissions();
  done = Keep("cannot be flushed", output_->Sync());
  if (done) done = Keep("cannot be closed", output_->Close());
  if (done) {
    done = Keep("cannot be replaced", files_.Rename(output_->path(), path_));
  }
  if (!done) return done;
  committed_ = true;
  return Keep("its folder cannot be flushed", files_.SyncFolder(path_));
}

}  // namespace detachfix
