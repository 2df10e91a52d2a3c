#!/usr/bin/env bash
# Penn Treebank, 10,000 words: perplexity of a Kneser–Ney 5-gram (published: 141), of a small and a
# large LightRNN, and of their mixtures.
#
#   recipes/ptb/run.sh DATA [--stage N] [--stop-stage N] [--output DIR] [--threads N] [--device D]
#                           [--precision P]
#
# DATA holds text/ptb/{train,valid,test}.txt (Mikolov's files). DIR (out/ in this folder) gets
# ngram.binary, small.pt, large.pt, perplexity.{small,large}.txt and logs/. Stage 3 takes about 15
# minutes of a CPU core, stage 5 about 70. P is auto (the default: the faster one), float32 or
# bfloat16.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
texts=text/ptb/SPLIT.txt
# shellcheck source=recipes/perplexity.sh
source "$here/../perplexity.sh"

begin "$@"
prepare
kneser_ney
# As in the paper, except for the biases of cells: two-step reading, a square table, and cells that
# words get by reallocation alone. At most 0.75 M parameters.
train 3 small --two-step --no-tied --residual-dim 0 --table-init frequency --rows 100 \
  --hidden-dim 256 --dropout 0.1 --epochs 12 \
  --reallocate-after 1 --reallocate-after 2 --reallocate-after 4
perplexities 4 small
# At most 5 M parameters. Three words a row, each with a residual embedding, so that row embeddings
# stand for few words. Without weight decay it overfits.
train 5 large --hidden-dim 400 --rows 3334 --columns 3 --no-tied --residual-dim 40 \
  --no-residual-row-score --dropout 0.45 --weight-dropout 0.4 --weight-decay 0.03 --epochs 26 \
  --lr 0.003
perplexities 6 large
