# The common part of recipes/ptb and recipes/wikitext-2: a Kneser–Ney 5-gram, LightRNNs, and their
# perplexities on a text that holds `<unk>` as a word. The recipe sets `texts` (the names of its
# files in DATA) and calls, in this order:
#
#   begin "$@"; prepare; kneser_ney; train NUMBER NAME OPTION…; perplexities NUMBER NAME
# shellcheck shell=bash
# `here` and `texts` are set by the recipe:
# shellcheck disable=SC2154

output=$here/out threads=2 device=cpu precision=auto
options=(output threads device precision)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"

placeholder=_unk_ # no word of either text

begin() {
  parse_options "$@"
  ((${#arguments[@]} == 1)) ||
    fail "one argument is expected, the folder of the data; remedy: $0 --help"
  data=${arguments[0]}
  need lexicon lightrnn lmplz build_binary python3
  mkdir -p "$output"
  train_text=$data/${texts/SPLIT/train} valid_text=$data/${texts/SPLIT/valid}
  test_text=$data/${texts/SPLIT/test}
  words=$output/words.tsv ngram=$output/ngram.binary
}

prepare() {
  stage 1 vocabulary --in "$train_text" --out "$words" -- \
    lexicon vocabulary "$train_text" --output "$words"
}

plain() { if [[ $1 == *.xz ]]; then xz -dc "$1"; else cat "$1"; fi; }

# lmplz refuses a text with `<unk>`: see arpa_unk.py. Empty lines are left out, as in all commands.
estimate() {
  plain "$train_text" | grep '[^[:space:]]' | sed "s/<unk>/$placeholder/g" |
    lmplz -o 5 -S 2G -T "$output/" |
    python3 "$here/../arpa_unk.py" "$placeholder" >"$output/ngram.arpa"
  build_binary "$output/ngram.arpa" "$ngram" >&2
  rm "$output/ngram.arpa"
}
kneser_ney() { stage 2 kenlm --in "$train_text" --out "$ngram" -- estimate; }

train_model() {
  lightrnn train "$train_text" --valid "$valid_text" --vocabulary "$words" \
    --output "$output/$1.pt" --threads "$threads" --device "$device" --precision "$precision" \
    "${@:2}"
}
train() {
  stage "$1" "$2" --in "$train_text" "$valid_text" "$words" --out "$output/$2.pt" -- \
    train_model "${@:2}"
}

# The state of a LightRNN is carried through the text, as in published figures. The n-gram reads
# sentence by sentence.
measure() {
  write "$output/perplexity.$1.txt" lightrnn perplexity "$test_text" --lm "$output/$1.pt" \
    --ngram "$ngram" --fit "$valid_text" --context text --device "$device"
  cat "$output/perplexity.$1.txt"
}
perplexities() {
  stage "$1" "perplexity of $2" --in "$output/$2.pt" "$ngram" "$valid_text" "$test_text" \
    --out "$output/perplexity.$2.txt" -- measure "$2"
}
