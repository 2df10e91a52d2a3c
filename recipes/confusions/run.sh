#!/usr/bin/env bash
# The package's confusions of phones, learnt from the errors of Whisper on real speech.
#
#   recipes/confusions/run.sh DATA [--stage N] [--stop-stage N] [--output DIR]
#
# DATA holds nbest/kathleen-dev.jsonl. DIR (out/ in this folder) gets confusions.json, which is
# rescorer/pronunciation/english/confusions.json of the package. A minute of a CPU core.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out
options=(output)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
parse_options "$@"
((${#arguments[@]} == 1)) ||
  fail "one argument is expected, the folder of the data; remedy: $0 --help"
need lexicon
mkdir -p "$output"
lists=${arguments[0]}/nbest/kathleen-dev.jsonl

# The package's own table must not be the prior of the new one.
stage 1 "learn confusions" --in "$lists" --out "$output/confusions.json" -- \
  lexicon confusions "$lists" --prior classes --output "$output/confusions.json"
