#!/usr/bin/env bash
# English Wikipedia, novels and lists of names: trains the LightRNN of the package (281,000 words,
# 128,500 of them names and places) and a KenLM 4-gram of the same words and text. Measures their
# perplexity, and the word errors of each and of their mixture with two recognisers of real speech:
# PocketSphinx (Kaldi's n-best archives, lattices) and Whisper tiny.en.
#
#   recipes/english/run.sh DATA [--stage N] [--stop-stage N] [--output DIR] [--threads N]
#                               [--device D] [--precision P]
#
# DATA holds text/{enwiki-train,enwiki-valid,enwiki-test,novels-eng}.txt.xz, gazetteers/,
# lattices/{kathleen-kaldi,kathleen-sphinx}, lattices/kathleen-refs.{dev,test}.txt and
# nbest/kathleen-{dev,test}.jsonl. DIR (out/ in this folder) gets ngram.binary, lightrnn.pt,
# perplexity{,.novels}.txt, logs/ and, for kaldi, whisper (n-best lists), kaldi-lattices and
# sphinx-lattices, NAME/weights.json (tuned on dev) and NAME/wer.json (measured on test).
# Needs a few GB of disk and 6 GB of memory; takes up to 15 minutes before stage 5, which takes an
# hour or more of a CPU core. P is auto (the default: the faster one), float32 or bfloat16.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out threads=2 device=cpu precision=auto
options=(output threads device precision)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
# shellcheck source=recipes/systems.sh
source "$here/../systems.sh"
parse_options "$@"
((${#arguments[@]} == 1)) ||
  fail "one argument is expected, the folder of the data; remedy: $0 --help"
need lexicon lightrnn rescore lmplz build_binary python3
data=${arguments[0]}
mkdir -p "$output"
lightrnn=$output/lightrnn.pt ngram=$output/ngram.binary words=$output/words.tsv
wiki=$output/enwiki-train.txt novels=$output/novels.txt
train=$output/train.txt valid=$output/valid.txt
test=$output/enwiki-test.txt novels_test=$output/novels-test.txt

normalise() {
  local part
  for part in train valid test; do
    lexicon normalise "$data/text/enwiki-$part.txt.xz" --output "$output/enwiki-$part.txt" \
      --processes "$threads"
  done
  lexicon normalise "$data/text/novels-eng.txt.xz" --output "$output/novels-all.txt" \
    --processes "$threads"
  # The end of the text, with all of the last novel, is held out for the test.
  write "$novels" head -n -6500 "$output/novels-all.txt"
  write "$novels_test" tail -n 6500 "$output/novels-all.txt"
  rm "$output/novels-all.txt"
  write "$valid" head -n 3000 "$output/enwiki-valid.txt" # enough to choose a model by
}
stage 1 normalise --in "$data"/text/{enwiki-train,enwiki-valid,enwiki-test,novels-eng}.txt.xz \
  --out "$wiki" "$novels" "$novels_test" "$valid" "$test" -- normalise

# Novels twice, because the speech was read from old novels, and half of Wikipedia.
stage 2 mix --in "$wiki" "$novels" "$here/mix.py" --out "$train" -- \
  python3 "$here/mix.py" "$train" "$novels:2" "$wiki:1/2"

# Names that are not in the text get a count of 1.
vocabulary() {
  lexicon gazetteer "$data"/gazetteers/{places,surnames,first-names}.tsv.xz \
    --cap places-alternates 0 --cap places 55000 --cap surnames 65000 --cap first-names 22000 \
    --output "$output/names.tsv"
  lexicon vocabulary "$train" --list "$output/names.tsv" 1 --case lower --max-size 281000 \
    --output "$words"
}
stage 3 vocabulary --in "$train" "$data"/gazetteers/{places,surnames,first-names}.tsv.xz \
  --out "$words" -- vocabulary

kenlm() {
  # shellcheck disable=SC2016 # $1 is awk's
  write "$output/ngram.words.txt" \
    awk -F '\t' 'NR > 1 && $1 !~ /^<.*>$/ { print $1 }' "$words"
  lmplz -o 4 --prune 0 0 1 1 --discount_fallback -S 4G -T "$output/" \
    --limit_vocab_file "$output/ngram.words.txt" --text "$train" --arpa "$output/ngram.arpa"
  build_binary -T "$output/" -S 4G -a 22 -q 8 -b 8 trie "$output/ngram.arpa" "$ngram" >&2
  rm "$output/ngram.arpa"
}
stage 4 kenlm --in "$train" "$words" --out "$ngram" -- kenlm

train() {
  lightrnn train "$train" --valid "$valid" --vocabulary "$words" --output "$lightrnn" \
    --hidden-dim 256 --rows 3000 --columns 94 --tied --residual-dim 45 --residual-columns 14 \
    --sampled-softmax-size 500 --epochs 2 --batch-size 64 --intervals 24 --lr 0.005 \
    --threads "$threads" --device "$device" --precision "$precision"
}
stage 5 lightrnn --in "$train" "$valid" "$words" --out "$lightrnn" -- train

references=$data/lattices/kathleen-refs
# half NUMBER NAME INPUT [OPTION…] tunes with the options on one half of the utterances of INPUT and
# measures on the other.
half() {
  stage "$1" "tune on $2" --in "$lightrnn" "$ngram" "$3" "$references.dev.txt" \
    --out "$output/$2"/weights{,.ngram,.lightrnn}.json -- \
    tune_systems "$3" "$references.dev.txt" "$output/$2" --utterances "$references.dev.txt" \
    "${@:4}"
  stage "$(($1 + 1))" "rescore $2" \
    --in "$output/$2"/weights{,.ngram,.lightrnn}.json "$3" "$references.test.txt" \
    --out "$output/$2/wer.json" -- \
    measure_systems "$3" "$references.test.txt" "$output/$2" --utterances "$references.test.txt"
}
half 6 kaldi "$data/lattices/kathleen-kaldi/archives.1"

whisper=$data/nbest/kathleen
stage 8 "tune on whisper" --in "$lightrnn" "$ngram" "$whisper-dev.jsonl" \
  --out "$output/whisper"/weights{,.ngram,.lightrnn}.json -- \
  tune_systems "$whisper-dev.jsonl" "$whisper-dev.jsonl" "$output/whisper"
stage 9 "rescore whisper" \
  --in "$output/whisper"/weights{,.ngram,.lightrnn}.json "$whisper-test.jsonl" \
  --out "$output/whisper/wer.json" -- \
  measure_systems "$whisper-test.jsonl" "$whisper-test.jsonl" "$output/whisper"

# Log-linear: in four-fold validation on the development half it had fewer errors than the linear
# mixture.
half 10 kaldi-lattices "$data/lattices/kathleen-kaldi/lat.1.gz" --mixture log-linear
half 12 sphinx-lattices "$data/lattices/kathleen-sphinx" --mixture log-linear

# Sentence by sentence, as a rescorer reads.
perplexity() {
  write "$2" lightrnn perplexity "$1" --lm "$lightrnn" --ngram "$ngram" --fit "$valid" \
    --device "$device"
  cat "$2"
}
stage 14 "perplexity of Wikipedia" --in "$lightrnn" "$ngram" "$valid" "$test" \
  --out "$output/perplexity.txt" -- \
  perplexity "$test" "$output/perplexity.txt"
stage 15 "perplexity of novels" --in "$lightrnn" "$ngram" "$valid" "$novels_test" \
  --out "$output/perplexity.novels.txt" -- \
  perplexity "$novels_test" "$output/perplexity.novels.txt"
