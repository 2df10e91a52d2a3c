#!/usr/bin/env bash
# Builds KenLM's programs lmplz, build_binary and query from the source package of kenlm on PyPI.
#
#   tools/build_kenlm.sh [PREFIX]   puts them in PREFIX/bin (default build/kenlm), unless they exist
#
# PYTHON (default python3) names the Python whose pip fetches the source, JOBS the number of
# compilers that run at a time.
# About 75 s of CPU and 60 MB of temporary files.
set -euo pipefail

version=0.3.0
sha256=c4628bb9fb63c8a6f9240035b8b037385cfc404cb72e933cf48878291edac1e8
programs=(lmplz build_binary query)
packages=(
  cmake g++ make zlib1g-dev
  libboost-program-options-dev libboost-system-dev libboost-test-dev libboost-thread-dev
)
prefix=${1:-build/kenlm}

all_there() {
  local program
  for program in "${programs[@]}"; do [[ -x $prefix/bin/$program ]] || return 1; done
}

is_installed() { [[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == *" installed" ]]; }

install_missing() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: cmake says itself what it lacks
  local package missing=()
  for package in "${packages[@]}"; do is_installed "$package" || missing+=("$package"); done
  ((${#missing[@]})) || return 0
  if ((EUID)); then
    echo "build_kenlm.sh: packages are missing; remedy: sudo apt-get install ${missing[*]}" >&2
    exit 2
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

all_there && exit 0
echo "Building KenLM's programs in $prefix/bin. This takes a minute or two." >&2
install_missing
mkdir -p "$prefix/bin"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --no-binary for kenlm alone: what else pip needs to read the package may come as wheels.
"${PYTHON:-python3}" -m pip download --quiet --no-deps --no-binary kenlm --dest "$work" \
  "kenlm==$version"
echo "$sha256  $work/kenlm-$version.tar.gz" | sha256sum --check --quiet
tar -xzf "$work/kenlm-$version.tar.gz" -C "$work"

quietly() { "$@" &>"$work/log" || { tail -n 50 "$work/log" >&2; exit 1; }; }
quietly cmake -S "$work/kenlm-$version" -B "$work/build" -DCMAKE_BUILD_TYPE=Release \
  -DENABLE_INTERPOLATE=OFF
quietly cmake --build "$work/build" --parallel "${JOBS:-2}" --target "${programs[@]}"
for program in "${programs[@]}"; do install "$work/build/bin/$program" "$prefix/bin/$program"; done
all_there
