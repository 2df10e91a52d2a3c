#!/usr/bin/env bash
# A second pass over the lattices of an icefall recipe: tunes weights on a development set and
# rescores a test set.
#
#   recipes/icefall/rescore.sh [OPTION]… LIGHTRNN SYMBOLS LATTICES
#
# LATTICES is a .pt file of Fsa.as_dict() or a folder of them (README.md says how decode.py saves
# them). SYMBOLS is the words.txt of their aux_labels, or the bpe.model if these are word pieces.
#
#   --dev LATTICES --dev-ref FILE   tune the weights on these lattices and their text, lines of
#                                   `utt words`
#   --weights FILE                  weights that were tuned before; without both, the defaults
#   --ref FILE                      the text of LATTICES: word error rates
#   --ngram FILE                    a KenLM file mixed in word by word
#   --save-lattices true            keep the rescored lattices too
#   --device D                      cpu, cuda or cuda:N
#   --threads N                     of the processor (1)
#   --memory MIB                    for histories (1024)
#   --stage N, --stop-stage N       stages to run: 1 tune, 2 rescore
#   --output DIR                    out/ in this folder
#
# DIR gets best.txt (`utt words`), weights.json with --dev, wer.json with --ref, lattices.pt with
# --save-lattices, and logs/.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out dev="" dev_ref="" weights="" ref="" ngram="" save_lattices=false
device=cpu threads=1 memory=1024
options=(output dev dev_ref weights ref ngram save_lattices device threads memory)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
parse_options "$@"
((${#arguments[@]} == 3)) || fail "expected LIGHTRNN SYMBOLS LATTICES; remedy: $0 --help"
lightrnn=${arguments[0]} symbols=${arguments[1]} lattices=${arguments[2]}
[[ -z $dev$dev_ref || (-n $dev && -n $dev_ref) ]] ||
  fail "--dev and --dev-ref go together; remedy: give both"
[[ -z $dev || -z $weights ]] ||
  fail "--dev tunes weights, --weights has some; remedy: give one of them"
[[ $save_lattices == true || $save_lattices == false ]] ||
  fail "--save-lattices $save_lattices: expected true or false"
need rescore

case $symbols in
  *.model) table=--bpe-model ;;
  *) table=--symbols ;;
esac
models=("$table" "$symbols" --lm "$lightrnn" ${ngram:+--ngram "$ngram"})
files=("$symbols" "$lightrnn" ${ngram:+"$ngram"})

# Another device or memory makes no stage run again. The word error rates of the log are shown.
second_pass() {
  rescore "$@" --format k2 --device "$device" --memory "$memory"
  sed -n '/^WER /,$p' "$log"
}

if [[ -n $dev ]]; then
  weights=$output/weights.json
  stage 1 tune --in "$dev" "$dev_ref" "${files[@]}" --out "$weights" -- \
    second_pass "$dev" "${models[@]}" --tune "$dev_ref" --weights "$weights" \
    --output "$output/dev.best.txt"
fi

outputs=("$output/best.txt") more=()
if [[ -n $ref ]]; then
  outputs+=("$output/wer.json")
  more+=(--ref "$ref" --wer-output "$output/wer.json")
fi
if [[ $save_lattices == true ]]; then
  outputs+=("$output/lattices.pt")
  more+=(--lattice-output "$output/lattices.pt")
fi
stage 2 rescore --in "$lattices" "${files[@]}" ${ref:+"$ref"} ${weights:+"$weights"} \
  --out "${outputs[@]}" -- \
  second_pass "$lattices" "${models[@]}" ${weights:+--weights "$weights"} \
  ${more[@]+"${more[@]}"} --output "$output/best.txt"
