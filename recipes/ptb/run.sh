#!/usr/bin/env bash
# Penn Treebank, 10,000 words: perplexity of a Kneser–Ney 5-gram (published: 141), of a small and a large LightRNN, and
# of their mixtures.
#
#   recipes/ptb/run.sh DATA [--stage N] [--stop-stage N] [--output DIR] [--threads N] [--device D] [--precision P]
#
# DATA holds text/ptb/{train,valid,test}.txt (Mikolov's files). DIR (out/ in this folder) gets ngram.binary, small.pt,
# large.pt and perplexity.{small,large}.txt. Stage 3 is about 15 minutes of a CPU core, stage 5 about 75.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
texts=text/ptb/SPLIT.txt
# shellcheck source=recipes/perplexity.sh
source "$here/../perplexity.sh"

begin "$@"
prepare
kneser_ney
# The paper's way, at most 0.75 M parameters: half-steps, and words that find their cells by reallocation alone.
train 3 small --half-steps --gated --own-width 0 --first-table frequency --width 256 --dropout 0.1 --epochs 12 \
  --reallocate-after 1 --reallocate-after 2 --reallocate-after 4 --carry-over
perplexities 4 small
# At most 5 M parameters. More rows than columns: the rows carry the meaning, a row's words differ by 4 columns.
train 5 large --gated --own-width 0 --width 360 --rows 2500 --columns 4 --dropout 0.45 --epochs 26 --learning-rate 0.003
perplexities 6 large
