#!/usr/bin/env bash
# Installs k2 for the Python given: the wheel that was built for exactly its version.
#
#   tools/install_k2.sh PYTHON      does nothing where `import k2` works; torch 1.13.1 must be there
#
# pip alone takes k2's build for Python 3.9 on any Python 3: it reads the tag in
# k2-1.23.4-py3.9-none-any.whl as py3. The address of the right wheel comes from pip's listing of
# its index. About 110 MB.
set -euo pipefail

version=1.23.4
python=${1:?usage: tools/install_k2.sh PYTHON}
python_version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
wheel=k2-$version-py$python_version-none-any.whl

fail() { echo "install_k2.sh: $*" >&2; exit 2; }

! "$python" -c 'import k2' 2>/dev/null || exit 0
listing=$("$python" -m pip index versions k2 -vv 2>&1) ||
  fail "pip cannot list k2: ${listing##*$'\n'}"
address=$(grep -oE "[a-z+]+://[^ ]*/${wheel//./\\.}[^ ]*" <<<"$listing" | head -n 1) ||
  fail "the index of pip lists no $wheel; remedy: Python 3.10, or an index that has it"
"$python" -m pip install --quiet --no-deps --force-reinstall "$address" ||
  fail "pip cannot install $address"
if ! error=$("$python" -c 'import k2' 2>&1); then
  "$python" -m pip uninstall --quiet --yes k2
  fail "k2 cannot be imported: ${error##*$'\n'}; remedy: install torch 1.13.1 and numpy<2 first"
fi
