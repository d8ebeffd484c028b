// SPDX-License-Identifier: Apache-2.0
// What stands behind the exports of a look-alike: a small security package
// that keeps credentials in a list under a lock. Ours from the first line; only
// the names, the argument counts and the order of the function table are those
// of Microsoft's public sspi.h.
typedef unsigned int u32;
typedef int Status;

enum {
  kOk = 0,
  kInvalidHandle = (int)0x80090301,   // SEC_E_INVALID_HANDLE
  kUnsupported = (int)0x80090302,     // SEC_E_UNSUPPORTED_FUNCTION
  kNoMemory = (int)0x80090300,        // SEC_E_INSUFFICIENT_MEMORY
  kUnknownPackage = (int)0x80090305,  // SEC_E_SECPKG_NOT_FOUND
};

// RTL_CRITICAL_SECTION of winnt.h.
typedef struct {
  u32 fields[6];
} Lock;

typedef struct {
  u32 lower;
  u32 upper;
} Handle;

typedef struct Credential {
  struct Credential* next;
  u32 id;
#ifdef CREDENTIAL_LOCKS
  Lock lock;
#endif
} Credential;

#include "body_imports.h"

// Generated: many small functions, which give the file its size.
typedef u32(API* BulkFunction)(u32, u32);
extern const BulkFunction BulkFunctions[];
extern const u32 BulkCount;

static Credential* g_credentials;
static u32 g_next_id = 1;

// The last handles given out: enough to take .data beyond what stands in the
// file, where the builds that have it keep their sections.
#ifdef RECENT_HANDLES
u32 RecentHandles[RECENT_HANDLES];
#endif

// The section that DllEntry initialises.
Lock SspiLock;

typedef struct {
  u32 capabilities;
  unsigned short version;
  unsigned short rpc_id;
  u32 max_token;
  const void* name;
  const void* comment;
} PackageInfo;

static PackageInfo g_package_a = {3, 1, 10, 0x400, "NTLM", "sample package"};
static PackageInfo g_package_w = {3, 1, 10, 0x400, L"NTLM", L"sample package"};

// Folds two words through every bulk function, so that the answer depends on
// all of the code section.
static u32 Digest(u32 a, u32 b) {
  for (u32 i = 0; i < BulkCount; ++i) a = BulkFunctions[i](a, b + i);
  return a;
}

static Credential** FindCredential(u32 id) {
  Credential** at = &g_credentials;
  while (*at && (*at)->id != id) at = &(*at)->next;
  return at;
}

static Status Acquire(Handle* out) {
  Credential* made = Allocate(0x40, sizeof(Credential));
  if (!made) return kNoMemory;
#ifdef CREDENTIAL_LOCKS
  Initialise(&made->lock);
#endif
  Enter(&SspiLock);
  made->id = g_next_id++;
  made->next = g_credentials;
#ifdef RECENT_HANDLES
  RecentHandles[made->id % RECENT_HANDLES] = made->id;
#endif
  g_credentials = made;
  Leave(&SspiLock);
  out->lower = made->id;
  out->upper = CurrentThread();
  return kOk;
}

static Status CheckHandle(const Handle* handle) {
  Status status = kInvalidHandle;
  if (!handle) return status;
  Enter(&SspiLock);
  if (*FindCredential(handle->lower)) status = kOk;
  Leave(&SspiLock);
  return status;
}

static Status Describe(const char* name, int wide, PackageInfo** out) {
  Status status = kUnknownPackage;
  Enter(&SspiLock);
  if (name && name[0] == 'N') {
    *out = wide ? &g_package_w : &g_package_a;
    status = kOk;
  }
  Leave(&SspiLock);
  return status;
}

static Status Enumerate(int wide, u32* count, PackageInfo** out) {
  Enter(&SspiLock);
  *count = 1;
  *out = wide ? &g_package_w : &g_package_a;
  Leave(&SspiLock);
  return kOk;
}

#define UNUSED4(a, b, c, d) (void)(a), (void)(b), (void)(c), (void)(d)

Status API AcquireCredentialsHandleA(u32 principal, u32 package, u32 use,
                                     u32 logon, u32 data, u32 get_key,
                                     u32 argument, Handle* out, u32 expiry) {
  UNUSED4(principal, package, use, logon);
  UNUSED4(data, get_key, argument, expiry);
  return out ? Acquire(out) : kInvalidHandle;
}

Status API AcquireCredentialsHandleW(u32 principal, u32 package, u32 use,
                                     u32 logon, u32 data, u32 get_key,
                                     u32 argument, Handle* out, u32 expiry) {
  return AcquireCredentialsHandleA(principal, package, use, logon, data,
                                   get_key, argument, out, expiry);
}

Status API FreeCredentialsHandle(const Handle* handle) {
  Credential* found = 0;
  if (!handle) return kInvalidHandle;
  Enter(&SspiLock);
  Credential** at = FindCredential(handle->lower);
  found = *at;
  if (found) *at = found->next;
  Leave(&SspiLock);
  if (!found) return kInvalidHandle;
#ifdef CREDENTIAL_LOCKS
  Delete(&found->lock);
#endif
  Free(found);
  return kOk;
}

Status API InitializeSecurityContextA(const Handle* credential, u32 context,
                                      u32 target, u32 requested, u32 zero,
                                      u32 representation, u32 input, u32 zero2,
                                      u32 new_context, u32 output,
                                      u32 attributes, u32 expiry) {
  UNUSED4(context, target, requested, zero);
  UNUSED4(representation, input, zero2, new_context);
  UNUSED4(output, attributes, expiry, 0);
  return CheckHandle(credential) == kOk ? kUnsupported : kInvalidHandle;
}

Status API InitializeSecurityContextW(const Handle* credential, u32 context,
                                      u32 target, u32 requested, u32 zero,
                                      u32 representation, u32 input, u32 zero2,
                                      u32 new_context, u32 output,
                                      u32 attributes, u32 expiry) {
  return InitializeSecurityContextA(credential, context, target, requested,
                                    zero, representation, input, zero2,
                                    new_context, output, attributes, expiry);
}

Status API AcceptSecurityContext(const Handle* credential, u32 context,
                                 u32 input, u32 requested, u32 representation,
                                 u32 new_context, u32 output, u32 attributes,
                                 u32 expiry) {
  UNUSED4(context, input, requested, representation);
  UNUSED4(new_context, output, attributes, expiry);
  return CheckHandle(credential) == kOk ? kUnsupported : kInvalidHandle;
}

Status API EnumerateSecurityPackagesA(u32* count, PackageInfo** out) {
  return Enumerate(0, count, out);
}

Status API EnumerateSecurityPackagesW(u32* count, PackageInfo** out) {
  return Enumerate(1, count, out);
}

Status API QuerySecurityPackageInfoA(const char* name, PackageInfo** out) {
  return Describe(name, 0, out);
}

Status API QuerySecurityPackageInfoW(const char* name, PackageInfo** out) {
  return Describe(name, 1, out);
}

Status API DeleteSecurityContext(const Handle* context) {
  return CheckHandle(context);
}

Status API ImpersonateSecurityContext(const Handle* context) {
  return CheckHandle(context);
}

Status API RevertSecurityContext(const Handle* context) {
  return CheckHandle(context);
}

Status API QuerySecurityContextToken(const Handle* context, u32 token) {
  (void)token;
  return CheckHandle(context);
}

Status API ApplyControlToken(const Handle* context, u32 input) {
  (void)input;
  return CheckHandle(context);
}

Status API CompleteAuthToken(const Handle* context, u32 token) {
  (void)token;
  return CheckHandle(context);
}

Status API QueryContextAttributesA(const Handle* context, u32 which, u32 out) {
  (void)which, (void)out;
  return CheckHandle(context);
}

Status API QueryContextAttributesW(const Handle* context, u32 which, u32 out) {
  return QueryContextAttributesA(context, which, out);
}

Status API QueryCredentialsAttributesA(const Handle* credential, u32 which,
                                       u32 out) {
  (void)which, (void)out;
  return CheckHandle(credential);
}

Status API QueryCredentialsAttributesW(const Handle* credential, u32 which,
                                       u32 out) {
  return QueryCredentialsAttributesA(credential, which, out);
}

// Without a context: the digest of the two numbers, taken under the lock. That
// is the answer that the manifest's probe asks for.
u32 API MakeSignature(const Handle* context, u32 quality, u32 message,
                      u32 sequence) {
  (void)message;
  if (context) return (u32)CheckHandle(context);
  Enter(&SspiLock);
  u32 digest = Digest(quality, sequence);
  Leave(&SspiLock);
  return digest;
}

Status API VerifySignature(const Handle* context, u32 message, u32 sequence,
                           u32 quality) {
  UNUSED4(message, sequence, quality, 0);
  return CheckHandle(context);
}

Status API SealMessage(const Handle* context, u32 quality, u32 message,
                       u32 sequence) {
  UNUSED4(quality, message, sequence, 0);
  return CheckHandle(context);
}

Status API UnsealMessage(const Handle* context, u32 message, u32 sequence,
                         u32 quality) {
  UNUSED4(message, sequence, quality, 0);
  return CheckHandle(context);
}

Status API FreeContextBuffer(void* buffer) {
  if (buffer != &g_package_a && buffer != &g_package_w) Free(buffer);
  return kOk;
}

// SecurityFunctionTable of sspi.h, version 1.
typedef struct {
  u32 version;
  const void* functions[19];
} FunctionTable;

#define TABLE(suffix)                                                        \
  {                                                                          \
    1, {                                                                     \
      EnumerateSecurityPackages##suffix, QueryCredentialsAttributes##suffix, \
          AcquireCredentialsHandle##suffix, FreeCredentialsHandle, 0,        \
          InitializeSecurityContext##suffix, AcceptSecurityContext,          \
          CompleteAuthToken, DeleteSecurityContext, ApplyControlToken,       \
          QueryContextAttributes##suffix, ImpersonateSecurityContext,        \
          RevertSecurityContext, MakeSignature, VerifySignature,             \
          FreeContextBuffer, QuerySecurityPackageInfo##suffix, SealMessage,  \
          UnsealMessage                                                      \
    }                                                                        \
  }

static FunctionTable g_table_a = TABLE(A);
static FunctionTable g_table_w = TABLE(W);

FunctionTable* API InitSecurityInterfaceA(void) {
  Enter(&SspiLock);
  Leave(&SspiLock);
  return &g_table_a;
}

FunctionTable* API InitSecurityInterfaceW(void) {
  Enter(&SspiLock);
  Leave(&SspiLock);
  return &g_table_w;
}
