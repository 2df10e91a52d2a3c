#!/usr/bin/env bash
# Rescores the N best hypotheses of each lattice of a decode directory with a LightRNN, sentence by
# sentence. Reads lat.JOB.gz and num_jobs. Writes the scores to archives.JOB, the best words to
# best.JOB.txt (`utt words`), and the hypotheses as lattices with their alignments to lat.JOB.gz
# with num_jobs, for local/score.sh.

# Options, with their defaults.
cmd=run.pl
nj=
stage=1
N=100
weight=
acwt=
inv_acwt=
weights=
ngram=
old_ngram=
max_ngram_order=1 # one history a state: the N best of the first pass do not depend on histories
beam=
lattice_prune_beam=
max_histories=0
device=cpu
memory=1024
threads=1
skip_bad=false
skip_scoring=false
scoring_opts=
# shellcheck disable=SC2034 # common.sh and Kaldi's parser use it
help_message="Rescores the N best hypotheses of lattices with a LightRNN language model.

Usage: $0 [options] [<lightrnn.pt>] <lang-dir> <data-dir> <in-decode-dir> <out-decode-dir>
   or: $0 [options] <lang-dir> <lightrnn.pt> <data-dir> <in-decode-dir> <out-decode-dir>
e.g.:  $0 --cmd queue.pl --N 50 --weight 0.5 lightrnn.pt data/lang data/test
         exp/tri3b/decode_test exp/tri3b/decode_test_lightrnn_nbest
Options:
  --cmd (run.pl|queue.pl [opts])   how to run the jobs
  --nj N                           jobs: as in-decode-dir/num_jobs says, which is the default
  --stage N                        1: find the N best; 2: split off the old model;
                                   3: score with the new one; 4: archives; 5: lattices;
                                   6: local/score.sh
  --N N                            hypotheses of each utterance (100)
  --weights w.json                 made by rescore --tune on a development set; instead of the
                                   next three:
  --weight W                       share of the new model, 0 to 1; the old one counts 1 - W (0.5)
  --acwt A, --inv-acwt I           scale of the acoustic costs, or 1 / that (inverse: 10)
  --old-ngram KENLM                the n-gram model in the lattices' graph costs: only its costs
                                   count 1 - W; without this option all graph costs do; weights
                                   tuned with --old-lm-model need it
  --ngram KENLM                    an n-gram model, mixed into the new model word by word; used
                                   alone without lightrnn.pt
  --beam B, --lattice-prune-beam B largest distance of the N best from the best (16)
  --device (cpu|cuda)              where the model runs (cpu)
  --memory MIB                     for the histories of a job (1024)
  --threads N                      of a job (1)
  --skip-bad (true|false)          skip lattices that cannot be used; the log lists them (false)
  --skip-scoring (true|false)      do not run local/score.sh (false)
  --scoring-opts OPTIONS           for local/score.sh"
echo "$0 $*"
# shellcheck source=recipes/kaldi/steps/lightrnn/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[[ $N =~ ^[1-9][0-9]*$ ]] || fail "--N $N: expected a whole number above 0"
interpolated=lmwt.interp.${weight:-tuned}
lists=$dir/lists # as rescore reads and writes them: first-JOB, old-JOB, split-JOB, scored-JOB
mkdir -p "$lists"

if [ "$stage" -le 1 ]; then
  echo "$0: finding the $N best of the lattices of $indir, $nj jobs"
  write_weights "$lists/first_pass.json" 0 graph 1
  run_jobs nbest "$indir/lat.JOB.gz" --format kaldi-lattice --symbols "$symbols" "${models[@]}" \
    "${expansion[@]}" "${skipping[@]}" --weights "$lists/first_pass.json" --nbest "$N" \
    --nbest-output "$lists/first-JOB"
fi

if [ "$stage" -le 2 ]; then
  for ((n = 1; n <= nj; n++)); do
    rm -rf "$lists/split-$n" "$lists/old-$n"
    mkdir "$lists/split-$n"
    cp "$lists/first-$n"/{words_text,acwt,lmwt.nolm} "$lists/split-$n/"
  done
  if [ -n "$old_ngram" ]; then
    echo "$0: splitting the old language model's costs off the graph costs"
    run_jobs old "$lists/split-JOB" --ngram "$old_ngram" --nbest-output "$lists/old-JOB"
    for ((n = 1; n <= nj; n++)); do
      awk 'NR == FNR { old[$1] = $2; next } { printf "%s %.6f\n", $1, $2 - old[$1] }' \
        "$lists/old-$n/lmwt.ngram" "$lists/first-$n/lmwt.nolm" >"$lists/split-$n/lmwt.nolm"
      cp "$lists/old-$n/lmwt.ngram" "$lists/split-$n/lmwt.lmonly"
    done
  fi
fi

if [ "$stage" -le 3 ]; then
  echo "$0: scoring the hypotheses with ${model:-${ngram:-the English model of the package}}"
  [ -n "$weights" ] || write_default_weights "$weights_file"
  run_jobs rescore "$lists/split-JOB" "${models[@]}" --weights "$weights_file" \
    --nbest-output "$lists/scored-JOB" --output "$dir/best.JOB.txt"
fi

if [ "$stage" -le 4 ]; then
  echo "$0: putting the scores together in $dir/archives.*"
  for ((n = 1; n <= nj; n++)); do
    archives=$dir/archives.$n scored=$lists/scored-$n
    rm -rf "$archives"
    mkdir "$archives"
    cp "$lists/first-$n"/{words_text,acwt,ali.gz} "$archives/"
    cp "$lists/first-$n/lmwt.nolm" "$archives/lmwt.withlm"
    [ -z "$old_ngram" ] || cp "$lists/split-$n"/lmwt.{nolm,lmonly} "$archives/"
    # The mixture's score; there is none if the weights leave the models out.
    for score in lm lightrnn ngram lightrnn-english; do
      [ ! -f "$scored/lmwt.$score" ] || break
    done
    cp "$scored/lmwt.$score" "$archives/lmwt.nn"
    # All but the acoustic costs, which scoring scales itself.
    awk -v acwt="$acwt" 'NR == FNR { acoustic[$1] = $2; next }
      { printf "%s %.6f\n", $1, $2 - acwt * acoustic[$1] }' \
      "$archives/acwt" "$scored/lmwt.total" >"$archives/$interpolated"
  done
fi

if [ "$stage" -le 5 ]; then
  echo "$0: making lattices of the hypotheses"
  for ((n = 1; n <= nj; n++)); do
    archives=$dir/archives.$n
    # shellcheck disable=SC2154 # of common.sh
    gzip -dc "$archives/ali.gz" |
      awk -f "$lightrnn_steps/nbest_lattice.awk" "$symbols" "$archives"/{"$interpolated",acwt} - \
        "$archives/words_text" |
      gzip -c >"$dir/lat.$n.gz.part" || fail "no lattices of $archives: see above"
    mv "$dir/lat.$n.gz.part" "$dir/lat.$n.gz"
  done
  echo "$nj" >"$dir/num_jobs"
fi
if [ "$stage" -le 6 ]; then score; fi
