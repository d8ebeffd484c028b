# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tests/run, samples/demo and .ci/run share: the lists of Debian packages,
# their installation, and the build. Sourced, never run.

# The one list of packages, by what they are for.
BUILD_PACKAGES=(g++ cmake ninja-build ccache liblief-dev libzydis-dev
  libcli11-dev nlohmann-json3-dev libkainjow-mustache-dev libssl-dev
  libtomlplusplus-dev libsqlite3-dev libmspack-dev libgcab-dev pkg-config)
SAMPLE_PACKAGES=(gcc-mingw-w64-i686-win32 binutils-mingw-w64-i686
  mingw-w64-i686-dev gcc-alpha-linux-gnu binutils-alpha-linux-gnu clang lld llvm
  python3)
TEST_PACKAGES=(g++-mingw-w64-i686-win32 libgtest-dev libbenchmark-dev libunicorn-dev python3-pefile
  python3-jsonschema openssl osslsigncode yara debootstrap
  debian-archive-keyring strace graphviz mscompress gcab cabextract
  libc6.1-alpha-cross libc6.1-dev-alpha-cross qemu-user
  acl e2fsprogs iproute2 mount ntfs-3g samba samba-vfs-modules smbclient
  python3-impacket
  chromium chromium-driver python3-selenium
  fish zsh mandoc groff man-db
  parallel shellcheck ansible-core
  dpkg-dev file)
# npm may come with Node.js from elsewhere, which Debian's would not go with.
command -v npm >/dev/null || TEST_PACKAGES+=(npm)
FUZZ_PACKAGES=(clang libclang-rt-14-dev)
TIDY_PACKAGES=(clang clang-tidy git)
CI_PACKAGES=(clang-format git)

# build/ and build-demo/, and clones elsewhere, share what ccache knows, though
# -g names the folder.
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$ROOT

say() { printf '== %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Prints those of the packages named that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
      grep -q 'ok installed' || printf '%s\n' "$package"
  done
}

# Installs those of the packages named that are missing, after saying which.
install_packages() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    say "every Debian package needed is installed"
    return
  fi
  if [ "${NO_INSTALL:-0}" = 1 ]; then
    die "missing Debian packages (--no-install was given): ${missing[*]}"
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "not root and no sudo: run  apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "will install these Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get -q update >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${missing[@]}" >&2
}

# Configures and builds the project, where no warning may stand; a user's
# compiler may have others. build_project FOLDER [CMAKE-OPTION...]
build_project() {
  local folder=$1 log
  shift
  say "building in $folder"
  mkdir -p "$folder"
  log=$folder/configure.log
  if ! cmake -S "$ROOT" -B "$folder" -G Ninja \
    -DCMAKE_COMPILE_WARNING_AS_ERROR=ON \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" \
    "$@" >"$log" 2>&1; then
    cat "$log" >&2
    die "cmake could not configure $folder"
  fi
  cmake --build "$folder" >&2 || die "the build in $folder failed"
}
