#!/usr/bin/env bash
# WikiText-2, 33,278 words, case kept: perplexity of a Kneser–Ney 5-gram, of a small and a large
# LightRNN, and of their mixtures. Empty lines are left out; published figures count the end of each
# of them, too.
#
#   recipes/wikitext-2/run.sh DATA [--stage N] [--stop-stage N] [--output DIR] [--threads N]
#                                  [--device D] [--precision P]
#
# DATA holds text/wikitext-2/{train,valid,test}.txt.xz. DIR (out/ in this folder) gets ngram.binary,
# small.pt, large.pt, perplexity.{small,large}.txt and logs/. Stage 3 takes about half an hour of a
# CPU core, stage 5 three quarters of an hour. P is auto (the default: the faster one), float32 or
# bfloat16.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
texts=text/wikitext-2/SPLIT.txt.xz
# shellcheck source=recipes/perplexity.sh
source "$here/../perplexity.sh"

begin "$@"
prepare
kneser_ney
train 3 small --rows 183 --sampled-softmax-size 0 --hidden-dim 256 --dropout 0.1 --epochs 12
perplexities 4 small
# At most 5 M parameters; every word has a residual embedding.
train 5 large --hidden-dim 320 --rows 4160 --columns 8 --residual-dim 64 --residual-columns 8 \
  --no-residual-row-score --sampled-softmax-size 800 --dropout 0.4 --weight-decay 0.03 \
  --batch-size 64 --epochs 12 --lr 0.004
perplexities 6 large
