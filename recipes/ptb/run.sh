#!/usr/bin/env bash
# Penn Treebank, 10,000 words: perplexity of a Kneser–Ney 5-gram (published: 141), of a small and a large LightRNN, and
# of their mixtures.
#
#   recipes/ptb/run.sh DATA [--stage N] [--stop-stage N] [--output DIR] [--threads N] [--device D] [--precision P]
#
# DATA holds text/ptb/{train,valid,test}.txt (Mikolov's files). DIR (out/ in this folder) gets ngram.binary, small.pt,
# large.pt and perplexity.{small,large}.txt. Stage 3 is about 15 minutes of a CPU core, stage 5 about 70. P is auto (the
# default: the quicker), float32 or bfloat16.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
texts=text/ptb/SPLIT.txt
# shellcheck source=recipes/perplexity.sh
source "$here/../perplexity.sh"

begin "$@"
prepare
kneser_ney
# The paper's way, but for the biases of cells, at most 0.75 M parameters: half-steps, a square table, and words that
# find their cells by reallocation alone.
train 3 small --two-step --no-tied --residual-dim 0 --table-init frequency --rows 100 --hidden-dim 256 --dropout 0.1 \
  --epochs 12 --reallocate-after 1 --reallocate-after 2 --reallocate-after 4
perplexities 4 small
# At most 5 M parameters. More rows than columns: the rows carry the meaning, the three words of a row have vectors of
# their own. Without weight decay it learns the text by heart.
train 5 large --hidden-dim 400 --rows 3334 --columns 3 --no-tied --residual-dim 40 --no-residual-row-score --dropout 0.45 \
  --weight-dropout 0.4 --weight-decay 0.03 --epochs 26 --lr 0.003
perplexities 6 large
