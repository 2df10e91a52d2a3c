# Numbered stages as in Kaldi, for recipes to source. A stage says what it reads and writes, and
# is skipped if it is finished.
#
#   set -euo pipefail
#   here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
#   output=$here/out epochs=6               # defaults of the recipe's own options
#   options=(output epochs)
#   source "$here/../stages.sh"
#   parse_options "$@"       # --stage N, --stop-stage N, --output DIR, --epochs N
#   stage 1 train --about "Train the model." --in text.txt words.tsv \
#     --out "$output/lightrnn.pt" -- lightrnn train …
#
# The screen gets a line about each stage, its progress and its seconds. What a command writes to
# stderr goes to a log in $output/logs; what it writes to stdout is shown at the end of its stage.
#
# A stage is finished if it succeeded, its outputs exist, no input is newer and its command is the
# same; files in $output/.stages record this. A function counts as its text: what should not count
# (threads, device) is a variable in a function of the recipe. To run a finished stage again, delete
# one of its outputs. Stages before --stage and after --stop-stage are skipped, finished or not.
# shellcheck shell=bash

: "${output:?the recipe sets it before it sources stages.sh}"
: "${options:?the recipe lists its own options}"
stage=1 stop_stage=999
arguments=()
stages_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One line on stderr and status 2, as the commands do.
fail() { echo "error: $*" >&2; exit 2; }

# Use the commands of this checkout if the PATH has none.
need() {
  local command
  for command; do
    command -v "$command" >/dev/null ||
      PATH=$stages_root/.venv/bin:$stages_root/build/kenlm/bin:$PATH
    command -v "$command" >/dev/null ||
      fail "no command $command; remedy: make venv kenlm in $stages_root"
  done
}

# --NAME VALUE sets the variable of that name if the recipe lists it in `options`.
parse_options() {
  local name
  while (($#)); do
    case $1 in
      -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
      --*)
        name=${1#--} name=${name//-/_}
        [[ " stage stop_stage ${options[*]} " == *" $name "* ]] ||
          fail "no option $1; remedy: $0 --help"
        (($# > 1)) || fail "$1 without a value"
        printf -v "$name" %s "$2"
        shift 2 ;;
      *) arguments+=("$1"); shift ;;
    esac
  done
  [[ $stage$stop_stage =~ ^[0-9]+$ ]] ||
    fail "--stage $stage --stop-stage $stop_stage: expected numbers"
  # More threads than free cores slow each other down several times.
  [[ -z ${threads-} ]] || export OMP_NUM_THREADS=$threads
}

# write FILE COMMAND… writes what the command prints to the file, whole or not at all.
write() {
  "${@:2}" >"$1.part"
  mv "$1.part" "$1"
}

# stage NUMBER NAME [--about TEXT] --in FILE… --out FILE… -- COMMAND…
# COMMAND may be a function of the recipe. `log` is the stage's log.
stage() {
  local number=$1 name=$2 about="" kind="" inputs=() outputs=() file start=$SECONDS
  shift 2
  while [[ $1 != -- ]]; do
    case $1 in
      --about) about=$2; shift ;;
      --in | --out) kind=$1 ;;
      *) if [[ $kind == --in ]]; then inputs+=("$1"); else outputs+=("$1"); fi ;;
    esac
    shift
  done
  shift
  ((number >= stage && number <= stop_stage)) || return 0
  for file in ${inputs[@]+"${inputs[@]}"}; do
    [[ -e $file ]] ||
      fail "stage $number ($name) reads $file, which is not there; remedy: $(remedy_for "$file")"
  done
  local record=$output/.stages/$number command=$*
  [[ $(type -t "$1") != function ]] || command+=$'\n'$(declare -f "$1")
  local title="=== stage $number ($name)"
  if is_finished; then
    echo "$title: finished before, skipped" >&2
    return 0
  fi
  echo "$title${about:+: $about}" >&2
  mkdir -p "$output/.stages" "$output/logs"
  rm -f "$record" # so that what a failed or killed command leaves is not taken for finished
  log=$output/logs/$number-${name//[ \/]/-}.log
  run_logged "$@"
  for file in "${outputs[@]}"; do
    [[ -e $file ]] || fail "stage $number ($name) did not write $file; its log: $(short "$log")"
  done
  printf '%s\n' "$command" >"$record"
  echo "    done in $((SECONDS - start)) s" >&2
}

# The command of the current stage, with its log and on a terminal its progress.
run_logged() {
  local results=${log%.log}.out
  watcher=""
  trap stage_failed EXIT
  failing="$number ($name)"
  if [[ -t 2 ]]; then
    watch_logs "${log%.log}" &
    watcher=$!
  fi
  ("$@") >"$results" 2>"$log" # no `if`, no `||`: they would switch off `set -e` inside
  trap - EXIT
  stop_watching
  cat "$results"
}

stage_failed() {
  stop_watching
  tail -n 5 "$log" >&2
  echo "error: stage $failing failed; its log: $(short "$log")" >&2
}

stop_watching() {
  [[ -n $watcher ]] || return 0
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  printf '\r\033[K' >&2
}

# watch_logs PREFIX draws one line a second: the seconds so far, and the progress in the newest of
# the logs PREFIX.log and PREFIX.NAME.log.
watch_logs() {
  local start=$SECONDS newest file seconds
  while sleep 1; do
    newest=$1.log
    for file in "$1".*.log; do [[ ! $file -nt $newest ]] || newest=$file; done
    seconds=$((SECONDS - start))
    printf '\r\033[K%5d:%02d  %.69s' $((seconds / 60)) $((seconds % 60)) \
      "$(progress_in "$newest" "$1" 2>/dev/null)" >&2
  done
}

# progress_in LOG PREFIX prints the last progress of a log: a line of a command of ours with its
# per cent, drawn as a bar, or a heading of lmplz.
progress_in() {
  local line bar name=${1#"$2"}
  name=${name%log} name=${name//./}
  line=$(tail -c 4000 "$1" | grep -aE '^[^%]*: [0-9]+ %, |^=== ' | tail -n 1) || return 0
  if [[ $line =~ ([0-9]+)\ %,\  ]]; then
    printf -v bar '%*s' $((BASH_REMATCH[1] / 10)) ""
    printf -v bar '[%-10s] ' "${bar// /#}"
    line=$bar$line
  fi
  echo "${name:+$name }$line"
}

# A path as seen from the current folder.
short() { echo "${1#"$PWD"/}"; }

# Stages write to $output; other files come from the user.
remedy_for() {
  if [[ $1 == "$output"/* ]]; then
    echo "run the stages before it"
  else
    echo "give it there, or check the path"
  fi
}

# Whether the current stage is finished; shares the variables of `stage`.
is_finished() {
  local file
  [[ -f $record && $(<"$record") == "$command" ]] || return 1
  for file in "${outputs[@]}"; do [[ -e $file ]] || return 1; done
  for file in ${inputs[@]+"${inputs[@]}"}; do [[ ! $file -nt $record ]] || return 1; done
}
