#!/usr/bin/env bash
# New words: adds 2,000 names with add-words to a model that was trained without them, and compares
# it with a model that was trained with them: in perplexity, and in the word errors of two
# recognisers of spoken sentences with those names.
#
#   recipes/names/run.sh DATA [--lists DIR] [--stage N] [--stop-stage N] [--output DIR]
#                             [--threads N] [--device D] [--precision P] [--prior N]
#
# DATA holds text/enwiki-{train,valid,test}.txt.xz and gazetteers/. DIR (out/ in this folder) gets
#
#   names.txt, spoken.tsv    the names, and the sentences to speak
#   with.pt, without.pt      the models trained with and without the names
#   added.{0,1,5,20}.pt      the names added with so many examples each
#   counted.20.pt            the same with 20, and a pseudo-count for each name
#   perplexity.md            perplexities of these models
#   SET/MODEL/weights.json   tuned on the development sentences of SET
#   SET/wer.json             measured on its test sentences
#   logs/                    logs of the stages
#
# SET is whisper, sphinx, whisper-bias (the names are expected words, too), whisper-ordinary (tuned
# on sentences without the names) or sphinx-fair (tuned on a fair sample of the validation text).
# The lists and lattices of the spoken sentences are read from --lists (lists/ in DIR); README.md
# says how they are made. Needs a few GB of disk and 6 GB of memory; stages 6 and 7 take about a
# quarter of an hour of a CPU core each. P is auto (the default: the faster one), float32 or
# bfloat16.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out threads=2 device=cpu precision=auto prior=10 lists=""
options=(output threads device precision prior lists)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
# shellcheck source=recipes/systems.sh
source "$here/../systems.sh"
parse_options "$@"
((${#arguments[@]} == 1)) ||
  fail "one argument is expected, the folder of the data; remedy: $0 --help"
need lexicon lightrnn rescore lmplz build_binary python3
data=${arguments[0]}
: "${lists:=$output/lists}"
mkdir -p "$output"
names=$output/names.tsv ngram=$output/ngram.binary
train=$output/enwiki-train.txt valid=$output/enwiki-valid.txt test=$output/enwiki-test.txt
given=("$output/names.txt" "$output/names.tsv")
examples=("$output"/examples.{1,5,20}.txt)

normalise() {
  local part
  for part in train valid test; do
    lexicon normalise "$data/text/enwiki-$part.txt.xz" --output "$output/enwiki-$part.txt" \
      --processes "$threads"
  done
  write "$output/valid.txt" head -n 3000 "$valid" # enough to choose a model by
}
stage 1 normalise --in "$data"/text/enwiki-{train,valid,test}.txt.xz \
  --out "$train" "$valid" "$test" "$output/valid.txt" -- normalise

stage 2 choose --in "$train" "$valid" "$test" "$here/choose.py" \
  --out "${given[@]}" "$output"/{spoken,ordinary}.tsv "$output"/{with,without}.txt \
  "${examples[@]}" -- \
  python3 "$here/choose.py" "$train" "$valid" "$test" --gazetteers "$data/gazetteers" \
  --output "$output"

stage 3 "vocabulary without the names" --in "$output/without.txt" --out "$output/without.tsv" -- \
  lexicon vocabulary "$output/without.txt" --max-size 195000 --output "$output/without.tsv"

# The same words and the names, sorted by falling counts.
and_names() {
  head -n 1 "$output/without.tsv" # the case
  grep '^<' "$output/without.tsv" # the marks
  { grep -v '^[#<]' "$output/without.tsv"; cat "$names"; } |
    LC_ALL=C sort --stable -t $'\t' -k 2,2nr
}
stage 4 "vocabulary with the names" \
  --in "$output/without.tsv" "$names" --out "$output/with.tsv" -- \
  write "$output/with.tsv" and_names

# The n-gram model knows the words of the LightRNN without the names, which share its <unk>.
kenlm() {
  # shellcheck disable=SC2016 # $1 is awk's
  write "$output/ngram.words.txt" \
    awk -F '\t' 'NR > 1 && $1 !~ /^<.*>$/ { print $1 }' "$output/without.tsv"
  lmplz -o 4 --prune 0 0 1 1 --discount_fallback -S 2G -T "$output/" \
    --limit_vocab_file "$output/ngram.words.txt" --arpa "$output/ngram.arpa" <"$output/without.txt"
  build_binary -T "$output/" -S 2G -a 22 -q 8 -b 8 trie "$output/ngram.arpa" "$ngram" >&2
  rm "$output/ngram.arpa"
}
stage 5 kenlm --in "$output/without.txt" "$output/without.tsv" --out "$ngram" -- kenlm

train_model() {
  lightrnn train "$output/$1.txt" --valid "$output/valid.txt" --vocabulary "$output/$1.tsv" \
    --output "$output/$1.pt" --hidden-dim 256 --rows 2900 --columns 69 --residual-dim 48 \
    --residual-columns 7 --sampled-softmax-size 500 --epochs 1 --batch-size 64 --intervals 12 \
    --lr 0.006 --threads "$threads" --device "$device" --precision "$precision"
}
stage 6 "train without" \
  --in "$output"/{without.txt,valid.txt,without.tsv} --out "$output/without.pt" -- \
  train_model without
stage 7 "train with" \
  --in "$output"/{with.txt,valid.txt,with.tsv} --out "$output/with.pt" -- \
  train_model with

add() {
  local number texts
  for number in 0 1 5 20; do
    texts=()
    ((number == 0)) || texts=(--text "$output/examples.$number.txt")
    lexicon add-words "$output/without.pt" "$output/names.txt" --output "$output/added.$number.pt" \
      --prior "$prior" --device "$device" ${texts[@]+"${texts[@]}"}
  done
  # Each name's count in the text that was removed replaces --prior.
  lexicon add-words "$output/without.pt" "$names" --output "$output/counted.20.pt" \
    --device "$device" --text "$output/examples.20.txt"
}
stage 8 "add the names" --in "$output/without.pt" "${given[@]}" "${examples[@]}" \
  --out "$output"/{added.0,added.1,added.5,added.20,counted.20}.pt -- add

measure_perplexity() {
  write "$output/perplexity.md" env PYTHONPATH="$stages_root${PYTHONPATH:+:$PYTHONPATH}" \
    python3 -m benchmarks.new_words "$valid" "$test" \
    --without "$output/without.pt" --with "$output/with.pt" --names "$names" \
    --examples "$output"/examples.{1,5,20}.txt --many 10000 --gazetteers "$data/gazetteers" \
    --threads "$threads"
  cat "$output/perplexity.md"
}
stage 9 perplexity --in "$output"/{without,with}.pt "${examples[@]}" "$valid" "$test" \
  --out "$output/perplexity.md" -- measure_perplexity

((stop_stage > 9)) || exit 0
[[ -d $lists ]] ||
  fail "no lists of the spoken sentences in $lists;" \
    "remedy: make them as $here/README.md says, or --lists"

models=(without added.0 added.20 counted.20 with)
lightrnns=("${models[@]/#/$output/}") lightrnns=("${lightrnns[@]/%/.pt}")

# Each model alone and mixed with KenLM, and KenLM alone.
#
#   tune_models INPUT REFERENCES DIR [OPTION…]
#   measure_models INPUT REFERENCES DIR [OPTION…]   writes DIR/wer.json of all, with those weights
tune_models() {
  local model lightrnn
  for model in "${models[@]}"; do
    lightrnn=$output/$model.pt
    tune_systems "$1" "$2" "$3/$model" "${@:4}"
  done
}
measure_models() {
  local model lightrnn reports=("KenLM=$3/${models[0]}/wer.ngram.json")
  for model in "${models[@]}"; do
    lightrnn=$output/$model.pt
    measure_systems "$1" "$2" "$3/$model" --words "$output/names.txt" "${@:4}"
    reports+=("$model=$3/$model/wer.lightrnn.json" "$model, KenLM=$3/$model/wer.mixture.json")
  done
  python3 "$stages_root/recipes/wer_table.py" "$3/wer.json" "${reports[@]}"
}
weights=("${models[@]/%//weights.json}")

whisper=$lists/whisper
stage 10 "tune on whisper" --in "${lightrnns[@]}" "$ngram" "$whisper-dev.jsonl" \
  --out "${weights[@]/#/$output/whisper/}" -- \
  tune_models "$whisper-dev.jsonl" "$whisper-dev.jsonl" "$output/whisper"
stage 11 "rescore whisper" \
  --in "${weights[@]/#/$output/whisper/}" "$whisper-test.jsonl" "$output/names.txt" \
  --out "$output/whisper/wer.json" -- \
  measure_models "$whisper-test.jsonl" "$whisper-test.jsonl" "$output/whisper"

sphinx=$lists/sphinx-lattices references=$output/references
# present REFERENCES prints those whose lattice exists: the recogniser may have been stopped early.
present() {
  local line
  while read -r line; do
    [[ ! -e $sphinx/${line%% *}.slf.gz ]] || echo "$line"
  done <"$1"
}
lattice_references() {
  local part
  for part in dev test; do write "$references.$part.txt" present "$lists/refs.$part.txt"; done
}
stage 12 references --in "$sphinx" "$lists"/refs.{dev,test}.txt \
  --out "$references".{dev,test}.txt -- lattice_references

# Log-linear, as in recipes/english. The lattices have 5,000 arcs, and the default search would take
# hours; this one is narrower.
search=(--order 3 --beam 12 --max-histories 6)
stage 13 "tune on sphinx" --in "${lightrnns[@]}" "$ngram" "$sphinx" "$references.dev.txt" \
  --out "${weights[@]/#/$output/sphinx/}" -- \
  tune_models "$sphinx" "$references.dev.txt" "$output/sphinx" \
  --utterances "$references.dev.txt" --mixture log-linear "${search[@]}"
stage 14 "rescore sphinx" \
  --in "${weights[@]/#/$output/sphinx/}" "$sphinx" "$references.test.txt" "$output/names.txt" \
  --out "$output/sphinx/wer.json" -- \
  measure_models "$sphinx" "$references.test.txt" "$output/sphinx" \
  --utterances "$references.test.txt" "${search[@]}"

# The names are also expected words: they may win even if no hypothesis holds them.
biased=(--names "$output/names.txt")
stage 15 "tune on whisper with --names" \
  --in "${lightrnns[@]}" "$ngram" "$whisper-dev.jsonl" "$output/names.txt" \
  --out "${weights[@]/#/$output/whisper-bias/}" -- \
  tune_models "$whisper-dev.jsonl" "$whisper-dev.jsonl" "$output/whisper-bias" "${biased[@]}"
stage 16 "rescore whisper with --names" \
  --in "${weights[@]/#/$output/whisper-bias/}" "$whisper-test.jsonl" "$output/names.txt" \
  --out "$output/whisper-bias/wer.json" -- \
  measure_models "$whisper-test.jsonl" "$whisper-test.jsonl" "$output/whisper-bias" "${biased[@]}"

# Weights from a realistic development set: few of its sentences hold a name.
ordinary=$whisper-ordinary.jsonl
stage 17 "tune on ordinary sentences" --in "${lightrnns[@]}" "$ngram" "$ordinary" \
  --out "${weights[@]/#/$output/whisper-ordinary/}" -- \
  tune_models "$ordinary" "$ordinary" "$output/whisper-ordinary"
stage 18 "rescore whisper with weights of ordinary sentences" \
  --in "${weights[@]/#/$output/whisper-ordinary/}" "$whisper-test.jsonl" "$output/names.txt" \
  --out "$output/whisper-ordinary/wer.json" -- \
  measure_models "$whisper-test.jsonl" "$whisper-test.jsonl" "$output/whisper-ordinary"

# The same for PocketSphinx, with a fair sample of the validation text: 3 of 20 sentences hold a
# name.
fair=$references.fair.txt
fair_references() {
  local ordinary=$references.ordinary.txt named=$references.named.txt dev=$references.dev.txt
  write "$ordinary" present "$lists/refs.ordinary.txt"
  write "$named" \
    shuf --head-count "$(($(wc -l <"$ordinary") * 3 / 17))" --random-source "$dev" "$dev"
  write "$fair" cat "$ordinary" "$named"
}
stage 19 "fair references" --in "$sphinx" "$lists/refs.ordinary.txt" "$references.dev.txt" \
  --out "$fair" -- fair_references
stage 20 "tune on a fair sample" --in "${lightrnns[@]}" "$ngram" "$sphinx" "$fair" \
  --out "${weights[@]/#/$output/sphinx-fair/}" -- \
  tune_models "$sphinx" "$fair" "$output/sphinx-fair" --utterances "$fair" --mixture log-linear \
  "${search[@]}"
stage 21 "rescore sphinx with weights of a fair sample" \
  --in "${weights[@]/#/$output/sphinx-fair/}" "$sphinx" "$references.test.txt" "$output/names.txt" \
  --out "$output/sphinx-fair/wer.json" -- \
  measure_models "$sphinx" "$references.test.txt" "$output/sphinx-fair" \
  --utterances "$references.test.txt" "${search[@]}"
