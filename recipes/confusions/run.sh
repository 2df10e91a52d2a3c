#!/usr/bin/env bash
# The package's confusions of phones, learnt from the errors of two recognisers on real speech.
#
#   recipes/confusions/run.sh DATA [--stage N] [--stop-stage N] [--output DIR]
#
# DATA holds nbest/kathleen-dev.jsonl (Whisper), lattices/kathleen-sphinx (PocketSphinx) and lattices/kathleen-refs.dev.txt.
# DIR (out/ in this folder) gets sphinx.jsonl, lists.jsonl and confusions.json, which is
# rescorer/pronunciation/english/confusions.json of the package. Some minutes on a CPU core.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out
options=(output)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
parse_options "$@"
((${#arguments[@]} == 1)) || fail "one argument is expected, the folder of the data; remedy: $0 --help"
data=${arguments[0]}
need lexicon rescore python3
mkdir -p "$output"
whisper=$data/nbest/kathleen-dev.jsonl sphinx=$data/lattices/kathleen-sphinx references=$data/lattices/kathleen-refs.dev.txt

stage 1 "n-best lists of the lattices" --in "$references" --out "$output/sphinx.jsonl" -- \
  rescore "$sphinx" --utterances "$references" --nbest 20 --nbest-output "$output/sphinx.jsonl" --output "$output/sphinx.txt"

join() {
  write "$output/lists.jsonl" python3 "$here/join_lists.py" "$whisper" "$output/sphinx.jsonl" "$references"
}
stage 2 "join lists" --in "$whisper" "$output/sphinx.jsonl" "$here/join_lists.py" --out "$output/lists.jsonl" -- join

stage 3 "learn confusions" --in "$output/lists.jsonl" --out "$output/confusions.json" -- \
  lexicon confusions "$output/lists.jsonl" --prior classes --output "$output/confusions.json"
