#!/usr/bin/env bash
# English Wikipedia and novels, 200,000 words: a KenLM 4-gram and a LightRNN, and what each and their mixture do for two
# recognisers of real speech: PocketSphinx (Kaldi's n-best archives) and Whisper tiny.en.
#
#   recipes/english/run.sh DATA [--stage N] [--stop-stage N] [--output DIR] [--threads N] [--device D] [--precision P]
#                               [--lines N]
#
# DATA holds text/{enwiki-train,enwiki-valid,novels-eng}.txt.xz, lattices/{kathleen-kaldi,kathleen-sphinx},
# lattices/kathleen-refs.{dev,test}.txt and nbest/kathleen-{dev,test}.jsonl. DIR (out/ in this folder) gets
# ngram.binary, lightrnn.pt and, for kaldi, whisper (n-best lists), kaldi-lattices and sphinx-lattices,
# NAME/weights.json (tuned on dev) and NAME/wer.json (measured on test). A few GB of disk, 6 GB of memory; about 15 minutes
# before stage 5, which is an hour or two of a CPU core. The LightRNN reads the first N lines of a shuffled mix of
# 2,296,564.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out threads=2 device=cpu precision="" lines=1900000
options=(output threads device precision lines)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
# shellcheck source=recipes/systems.sh
source "$here/../systems.sh"
parse_options "$@"
((${#arguments[@]} == 1)) || fail "one argument is expected, the folder of the data; remedy: $0 --help"
need lexicon lightrnn rescore lmplz build_binary python3
data=${arguments[0]}
mkdir -p "$output"
lightrnn=$output/lightrnn.pt ngram=$output/ngram.binary
wiki=$output/enwiki-train.txt novels=$output/novels.txt mix=$output/mix.txt train=$output/train.txt valid=$output/valid.txt

normalise() {
  lexicon normalise "$data/text/enwiki-train.txt.xz" --output "$wiki" --processes "$threads"
  lexicon normalise "$data/text/novels-eng.txt.xz" --output "$novels" --processes "$threads"
  lexicon normalise "$data/text/enwiki-valid.txt.xz" --output "$output/enwiki-valid.txt"
  write "$valid" head -n 3000 "$output/enwiki-valid.txt" # enough to choose a model by
}
stage 1 normalise --in "$data"/text/{enwiki-train,novels-eng,enwiki-valid}.txt.xz \
  --out "$wiki" "$novels" "$valid" -- normalise

# The n-gram model reads all text, and knows its most frequent 200,000 words (and two marks).
kenlm() {
  lexicon vocabulary "$wiki" "$novels" --max-size 200002 --output "$output/ngram.words.tsv"
  # shellcheck disable=SC2016 # $1 is awk's
  write "$output/ngram.words.txt" awk -F '\t' 'NR > 1 && $1 !~ /^<.*>$/ { print $1 }' "$output/ngram.words.tsv"
  cat "$wiki" "$novels" | lmplz -o 4 --prune 0 0 1 1 --discount_fallback -S 4G -T "$output/" \
    --limit_vocab_file "$output/ngram.words.txt" --arpa "$output/ngram.arpa"
  build_binary -T "$output/" -S 4G -a 22 -q 8 -b 8 trie "$output/ngram.arpa" "$ngram"
  rm "$output/ngram.arpa"
}
stage 2 kenlm --in "$wiki" "$novels" --out "$ngram" -- kenlm

# The LightRNN reads what is nearer to the speech, which was read from old novels, and a fifth of Wikipedia.
mix() {
  python3 "$here/mix.py" "$mix" "$novels:3" "$wiki:1/5"
  write "$train" head -n "$lines" "$mix"
}
stage 3 mix --in "$wiki" "$novels" "$here/mix.py" --out "$mix" "$train" -- mix
stage 4 vocabulary --in "$mix" --out "$output/words.tsv" -- \
  lexicon vocabulary "$mix" --max-size 200000 --output "$output/words.tsv"

train() {
  lightrnn train "$train" --valid "$valid" --vocabulary "$output/words.tsv" --output "$lightrnn" --width 256 \
    --rows 2000 --columns 100 --epochs 1 --streams 64 --intervals 24 --learning-rate 0.004 \
    --threads "$threads" --device "$device" --precision "${precision:-$(fast_precision)}"
}
stage 5 lightrnn --in "$train" "$valid" "$output/words.tsv" --out "$lightrnn" -- train

references=$data/lattices/kathleen-refs
# half NUMBER NAME INPUT [OPTION…]: tuned (with the options) on one half of the utterances of INPUT, measured on the other
half() {
  stage "$1" "tune on $2" --in "$lightrnn" "$ngram" "$3" "$references.dev.txt" \
    --out "$output/$2"/weights{,.ngram,.lightrnn}.json -- \
    tune_systems "$3" "$references.dev.txt" "$output/$2" --utterances "$references.dev.txt" "${@:4}"
  stage "$(($1 + 1))" "rescore $2" --in "$output/$2"/weights{,.ngram,.lightrnn}.json "$3" "$references.test.txt" \
    --out "$output/$2/wer.json" -- \
    measure_systems "$3" "$references.test.txt" "$output/$2" --utterances "$references.test.txt"
}
half 6 kaldi "$data/lattices/kathleen-kaldi/archives.1"

whisper=$data/nbest/kathleen
stage 8 "tune on whisper" --in "$lightrnn" "$ngram" "$whisper-dev.jsonl" \
  --out "$output/whisper"/weights{,.ngram,.lightrnn}.json -- \
  tune_systems "$whisper-dev.jsonl" "$whisper-dev.jsonl" "$output/whisper"
stage 9 "rescore whisper" --in "$output/whisper"/weights{,.ngram,.lightrnn}.json "$whisper-test.jsonl" \
  --out "$output/whisper/wer.json" -- measure_systems "$whisper-test.jsonl" "$whisper-test.jsonl" "$output/whisper"

# Log-linear: in four-fold validation on the development half it had fewer errors than the linear mixture.
half 10 kaldi-lattices "$data/lattices/kathleen-kaldi/lat.1.gz" --mixture log-linear
half 12 sphinx-lattices "$data/lattices/kathleen-sphinx" --mixture log-linear
