#!/usr/bin/env bash
# Rescores the lattices of a decode directory with a LightRNN: every arc gets the probability of its
# word after its history. Reads lat.JOB.gz and num_jobs. Writes the same, for local/score.sh, and
# best.JOB.txt (`utt words`).

# Options, with their defaults.
cmd=run.pl
nj=
stage=1
weight=
acwt=
inv_acwt=
weights=
ngram=
old_ngram=
compact=true
max_ngram_order=4
beam=
lattice_prune_beam=
max_histories=32
device=cpu
memory=1024
threads=1
skip_bad=false
skip_scoring=false
scoring_opts=
# shellcheck disable=SC2034 # common.sh and Kaldi's parser use it
help_message="Rescores lattices with a LightRNN language model.

Usage: $0 [options] [<lightrnn.pt>] <lang-dir> <data-dir> <in-decode-dir> <out-decode-dir>
   or: $0 [options] <lang-dir> <lightrnn.pt> <data-dir> <in-decode-dir> <out-decode-dir>
e.g.:  $0 --cmd queue.pl --weights exp/tri3b/decode_dev/weights.json lightrnn.pt data/lang data/test
         exp/tri3b/decode_test exp/tri3b/decode_test_lightrnn
Options:
  --cmd (run.pl|queue.pl [opts])   how to run the jobs
  --nj N                           jobs: as in-decode-dir/num_jobs says, which is the default
  --stage N                        1: rescore, and score; 2: score only
  --weights w.json                 made by rescore --tune on a development set; instead of the
                                   next three:
  --weight W                       share of the new model, 0 to 1; the old one counts 1 - W (0.5)
  --acwt A, --inv-acwt I           scale of the acoustic costs, or 1 / that (inverse: 10)
  --old-ngram KENLM                the n-gram model in the lattices' graph costs: only its costs
                                   count 1 - W; without this option all graph costs do; weights
                                   tuned with --old-lm-model need it
  --ngram KENLM                    an n-gram model, mixed into the new model word by word; used
                                   alone without lightrnn.pt
  --compact (true|false)           few arcs: of equal words the best path, few histories far from
                                   the best (true)
  --max-ngram-order N              histories with the same last N - 1 words merge; 0: none (4)
  --beam B, --lattice-prune-beam B largest distance of a history from the best (16)
  --max-histories N                of each state; 0: any number (32)
  --device (cpu|cuda)              where the model runs (cpu)
  --memory MIB                     for the histories of a job (1024)
  --threads N                      of a job (1)
  --skip-bad (true|false)          skip lattices that cannot be used; the log lists them (false)
  --skip-scoring (true|false)      do not run local/score.sh (false)
  --scoring-opts OPTIONS           for local/score.sh"
echo "$0 $*"
# shellcheck source=recipes/kaldi/steps/lightrnn/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# shellcheck disable=SC2154 # of common.sh
if [ "$stage" -le 1 ]; then
  [ -n "$weights" ] || write_default_weights "$weights_file"
  splitting=(${old_ngram:+--old-lm-model "$old_ngram"})
  if $compact; then expansion+=(--compact); fi
  echo "$0: rescoring the lattices of $indir, $nj jobs"
  run_jobs rescore "$indir/lat.JOB.gz" --format kaldi-lattice --symbols "$symbols" "${models[@]}" \
    "${expansion[@]}" "${splitting[@]}" "${skipping[@]}" --weights "$weights_file" \
    --lattice-output "$dir/lat.JOB.gz" --output "$dir/best.JOB.txt"
  echo "$nj" >"$dir/num_jobs"
fi
if [ "$stage" -le 2 ]; then score; fi
