# The common part of this folder's scripts. They set the defaults of their options and
# `help_message`, then source this file with their arguments. It parses and checks the arguments,
# and sets model, lang, data, indir, dir, nj, symbols and weights_file.
# shellcheck shell=bash
# The scripts set their options before and use the variables that are set here:
# shellcheck disable=SC2154,SC2034

lightrnn_steps=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) # in the checkout, not its link

fail() { echo "$0: $*" >&2; exit 1; }

# shellcheck source=/dev/null
if [ -f ./path.sh ]; then . ./path.sh; fi
# shellcheck source=/dev/null
if [ -f utils/parse_options.sh ]; then
  . utils/parse_options.sh
else
  . "$lightrnn_steps/parse_options.sh"
fi
# shellcheck disable=SC2059 # as in Kaldi, the message holds line ends as printf has them
if [ $# != 4 ] && [ $# != 5 ]; then printf "$help_message\n" >&2; exit 1; fi
set -e -o pipefail

# name_arguments ARGUMENT… sets model, lang, data, indir and dir. Kaldi's own scripts take the lang
# folder first and the model, or its folder, second. Without a model it is the package's.
name_arguments() {
  if [ $# = 4 ]; then
    model="" lang=$1
  elif [ -f "$1/words.txt" ] && [ -f "$2" ]; then
    model=$2 lang=$1
  elif [ -f "$1/words.txt" ] && [ -f "$2/lightrnn.pt" ]; then
    model=$2/lightrnn.pt lang=$1
  elif [ -d "$1" ]; then
    fail "$1 is a folder; expected a model file, lightrnn.pt;" \
      "remedy: $0 --help shows the order of the arguments"
  else
    model=$1 lang=$2
  fi
  shift $(($# - 3))
  data=$1 indir=$2 dir=$3
}
name_arguments "$@"
symbols=$lang/words.txt

# one_by_one JOB=1:N LOG COMMAND… has the interface of run.pl, for where there is none. It runs one
# job after the other.
one_by_one() {
  local job range=${1#JOB=} log=$2
  shift 2
  for ((job = ${range%:*}; job <= ${range#*:}; job++)); do
    echo "# ${*//JOB/$job}" >"${log//JOB/$job}"
    "${@//JOB/$job}" >>"${log//JOB/$job}" 2>&1 || return 1
  done
}

read -ra runner <<<"$cmd"
if [ "$cmd" = run.pl ] && ! command -v run.pl >/dev/null; then
  echo "$0: run.pl is not on the PATH: the jobs run here, one after the other;" \
    "in a Kaldi recipe, path.sh puts it there"
  runner=(one_by_one)
fi
command -v "${runner[0]}" >/dev/null ||
  fail "--cmd: no program ${runner[0]};" \
    "remedy: run it in a recipe's folder, whose path.sh knows it, or give another"

# The full path of the command, because jobs on other machines may have another PATH. If the PATH
# lacks the command, that of the checkout is used.
rescore=$(command -v rescore || echo "$lightrnn_steps/../../../../.venv/bin/rescore")
[ -x "$rescore" ] ||
  fail "no command rescore on the PATH; remedy: add the folder where it is installed in path.sh"
[[ "$*$ngram$old_ngram$weights$rescore" != *JOB* ]] ||
  fail "a path holds JOB, which stands for a job's number: rename it"

# run_jobs NAME ARGUMENT… runs `rescore ARGUMENT…` nj times; if one fails, says why.
run_jobs() {
  local name=$1 reason
  shift
  rm -f "$dir/log/$name".*.log
  "${runner[@]}" JOB=1:"$nj" "$dir/log/$name.JOB.log" \
    env OMP_NUM_THREADS="$threads" "$rescore" "$@" && return
  reason=$(grep -m 1 -i '^error: ' "$dir/log/$name".*.log /dev/null | head -n 1) || true
  fail "rescoring failed: ${reason:-see $dir/log/$name.*.log}"
}

# require FILE… fails for the first file that does not exist.
require() {
  local file
  for file; do [ -f "$file" ] || fail "expected $file to exist"; done
}

number='^[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$'
require_number() { [[ $2 =~ $number ]] || fail "$1 $2: expected a number"; }

for option in stage threads; do
  [[ ${!option} =~ ^-?[0-9]+$ ]] || fail "--$option ${!option}: expected a whole number"
done
require ${model:+"$model"} "$symbols" "$indir/num_jobs" \
  ${ngram:+"$ngram"} ${old_ngram:+"$old_ngram"} ${weights:+"$weights"}
jobs=$(<"$indir/num_jobs")
[[ $jobs =~ ^[1-9][0-9]*$ ]] || fail "$indir/num_jobs holds no number"
[ "${nj:=$jobs}" = "$jobs" ] ||
  fail "--nj $nj, but $indir has $jobs lattice files (num_jobs): leave --nj out"
for ((n = 1; n <= nj; n++)); do require "$indir/lat.$n.gz"; done
[ ! -f "$indir/lat.$((nj + 1)).gz" ] ||
  fail "$indir has lat.$((nj + 1)).gz, but its num_jobs says $nj: one is wrong"
[ ! "$indir" -ef "$dir" ] ||
  fail "$dir is the input too: its lattices would be lost; give another output folder"
[ ! -f "$dir/lat.$((nj + 1)).gz" ] ||
  fail "$dir has lat.$((nj + 1)).gz of another run, which scoring would read too;" \
    "remedy: delete the folder"

# check_data finds two errors before the work begins: the data folder does not exist, or it is not
# the one that was decoded.
check_data() {
  local list utterance
  for list in utt2spk text; do [ ! -f "$data/$list" ] || break; done
  require "$data/$list"
  utterance=$(gzip -dc "$indir/lat.1.gz" 2>/dev/null | head -c 1000 |
    LC_ALL=C awk '{ print $1; exit }') || true
  [ -z "$utterance" ] || has_utterance "$data/$list" "$utterance" ||
    fail "utterance $utterance of $indir/lat.1.gz is not in $data/$list;" \
      "remedy: give the data folder that was decoded"
}
has_utterance() {
  [ -n "$(utterance=$2 awk '$1 == ENVIRON["utterance"] { print; exit }' "$1")" ]
}
if ! $skip_scoring; then check_data; fi

[ -z "$beam" ] || [ -z "$lattice_prune_beam" ] ||
  fail "--beam and --lattice-prune-beam say the same: give one of them"
beam=${beam:-${lattice_prune_beam:-16}}

# Every run has a weights file: the user's, or one made from --weight and --acwt.
weights_file=${weights:-$dir/weights.json}
if [ -n "$weights" ]; then
  [ -z "$weight$acwt$inv_acwt" ] ||
    fail "--weights holds what --weight, --acwt and --inv-acwt say: give one or the other"
  acwt=$(sed -n 's/.*"acoustic": *\([0-9.eE+-]*\).*/\1/p' "$weights" | head -n 1)
  [ -n "$acwt" ] ||
    fail "$weights has no scale of an acoustic score;" \
      "remedy: tune it on lattices of this recogniser"
  if grep -q '"first_lm"' "$weights"; then
    [ -n "$old_ngram" ] ||
      fail "$weights was tuned with --old-lm-model: give that model as --old-ngram"
  else
    [ -z "$old_ngram" ] ||
      fail "$weights was tuned without --old-lm-model: give it without --old-ngram, or tune it with"
  fi
else
  [ -z "$acwt" ] || [ -z "$inv_acwt" ] ||
    fail "--acwt and --inv-acwt say the same: give one of them"
  weight=${weight:-0.5}
  if [ -z "$acwt" ]; then
    require_number --inv-acwt "${inv_acwt:=10}"
    acwt=$(awk "BEGIN { if ($inv_acwt > 0) print 1 / $inv_acwt }")
    [ -n "$acwt" ] || fail "--inv-acwt $inv_acwt: expected a number above 0"
  fi
  require_number --acwt "$acwt"
  require_number --weight "$weight"
  old_share=$(awk "BEGIN { if ($weight <= 1) print 1 - $weight }")
  [ -n "$old_share" ] || fail "--weight $weight: expected a share, 0 to 1"
fi

mkdir -p "$dir/log"

# mixture prints the models and their shares.
mixture() {
  case ${model:+lightrnn}-${ngram:+ngram} in
    lightrnn-ngram) echo '{"lightrnn": 0.5, "ngram": 0.5}' ;;
    lightrnn-) echo '{"lightrnn": 1}' ;;
    -ngram) echo '{"ngram": 1}' ;;
    -) echo '{"lightrnn-english": 1}' ;; # the package's
  esac
}

# write_weights FILE LM_SCALE NAME SCALE… writes a weights file with these scales of raw scores.
write_weights() {
  local file=$1 lm_scale=$2 scales="\"acoustic\": $acwt" first="\"acoustic\": $acwt"
  shift 2
  while (($#)); do
    scales+=", \"$1\": $2" first+=", \"$1\": 1"
    shift 2
  done
  echo "{\"weights\": {\"scales\": {$scales}, \"lm_scale\": $lm_scale, \"mixture\": $(mixture)}," \
    "\"first_pass\": {\"scales\": {$first}, \"lm_scale\": 0, \"mixture\": $(mixture)}}" \
    >"$file.part"
  mv "$file.part" "$file"
}

# write_default_weights FILE writes the weights of --weight W. The scale of the old model's costs is
# 1 - W. If they are not split off, this is the scale of all graph costs.
write_default_weights() {
  if [ -n "$old_ngram" ]; then
    write_weights "$1" "$weight" graph 1 first_lm "$old_share"
  else
    write_weights "$1" "$weight" graph "$old_share"
  fi
}

models=(${model:+--lm "$model"} ${ngram:+--ngram "$ngram"} --device "$device" --memory "$memory")
expansion=(--order "$max_ngram_order" --beam "$beam" --max-histories "$max_histories")
skipping=()
if $skip_bad; then skipping=(--skip-bad); fi

# score runs the recipe's scoring, if there is one.
score() {
  if $skip_scoring; then return; fi
  if [ ! -x local/score.sh ]; then
    echo "$0: not scored: there is no local/score.sh here that can be run"
    return
  fi
  if [ -f "$indir/../final.mdl" ] && [ ! -f "$dir/../final.mdl" ]; then
    echo "$0: $dir/../final.mdl is not there: scoring with times needs it;" \
      "put the output beside $indir, or link it"
  fi
  # shellcheck disable=SC2086 # several options
  local/score.sh $scoring_opts --cmd "$cmd" "$data" "$lang" "$dir" ||
    fail "scoring failed; --skip-scoring true leaves it out"
}
