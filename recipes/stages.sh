# Stages as in Kaldi, for recipes to source: numbered steps that say what they read and write, and skip finished work.
#
#   set -euo pipefail
#   here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
#   output=$here/out epochs=6               # defaults of the recipe's own options
#   options=(output epochs)
#   source "$here/../stages.sh"
#   parse_options "$@"                      # --stage N, --stop-stage N, --output DIR, --epochs N; the rest: arguments
#   stage 1 train --in text.txt words.tsv --out "$output/lightrnn.pt" -- lightrnn train …
#
# A stage is finished when it ended well, its outputs are there, no input is newer and its command reads the same; files
# in $output/.stages remember. What should not count (threads, device) goes into a function of the recipe, as a variable:
# a function counts as it is written. To run a finished stage again, delete one of its outputs. A stage before --stage or
# after --stop-stage is passed over, finished or not.
# shellcheck shell=bash

: "${output:?the recipe sets it before it sources stages.sh}" "${options:?the recipe lists its own options}"
stage=1 stop_stage=999
arguments=()
stages_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One line on stderr and status 2, as the commands do.
fail() { echo "error: $*" >&2; exit 2; }

# The commands of this checkout are used where the caller's PATH has none.
need() {
  local command
  for command; do
    command -v "$command" >/dev/null || PATH=$stages_root/.venv/bin:$stages_root/build/kenlm/bin:$PATH
    command -v "$command" >/dev/null || fail "no command $command; remedy: make venv kenlm in $stages_root"
  done
}

# --NAME VALUE sets the variable of that name when the recipe lists it in `options`.
parse_options() {
  local name
  while (($#)); do
    case $1 in
      -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
      --*)
        name=${1#--} name=${name//-/_}
        [[ " stage stop_stage ${options[*]} " == *" $name "* ]] || fail "no option $1; remedy: $0 --help"
        (($# > 1)) || fail "$1 without a value"
        printf -v "$name" %s "$2"
        shift 2 ;;
      *) arguments+=("$1"); shift ;;
    esac
  done
  [[ $stage$stop_stage =~ ^[0-9]+$ ]] || fail "--stage $stage --stop-stage $stop_stage: expected numbers"
  # Where cores are shared, threads that wait for one another cost several times what they bring.
  [[ -z ${threads-} ]] || export OMP_NUM_THREADS=$threads
}

# write FILE COMMAND… puts what the command prints into the file, whole or not at all.
write() {
  "${@:2}" >"$1.part"
  mv "$1.part" "$1"
}

# stage NUMBER NAME --in FILE… --out FILE… -- COMMAND…     (COMMAND may be a function of the recipe)
stage() {
  local number=$1 name=$2 kind="" inputs=() outputs=() file start=$SECONDS
  shift 2
  while [[ $1 != -- ]]; do
    case $1 in
      --in | --out) kind=$1 ;;
      *) if [[ $kind == --in ]]; then inputs+=("$1"); else outputs+=("$1"); fi ;;
    esac
    shift
  done
  shift
  ((number >= stage && number <= stop_stage)) || return 0
  for file in ${inputs[@]+"${inputs[@]}"}; do
    [[ -e $file ]] || fail "stage $number ($name) reads $file, which is not there; remedy: $(remedy_for "$file")"
  done
  local record=$output/.stages/$number command=$*
  [[ $(type -t "$1") != function ]] || command+=$'\n'$(declare -f "$1")
  if is_finished; then
    echo "=== stage $number ($name): finished before, skipped" >&2
    return 0
  fi
  echo "=== stage $number ($name)" >&2
  mkdir -p "$output/.stages"
  rm -f "$record" # what a failed or killed command leaves is never taken for finished
  trap 'echo "error: stage $failing failed; what to look at is above" >&2' EXIT
  failing="$number ($name)"
  ("$@") # no `if`, no `||`: they would switch off `set -e` inside
  for file in "${outputs[@]}"; do
    [[ -e $file ]] || fail "stage $number ($name) did not write $file"
  done
  trap - EXIT
  printf '%s\n' "$command" >"$record"
  echo "=== stage $number ($name): $((SECONDS - start)) s" >&2
}

# Stages write into $output; what is missing elsewhere, the user was to give.
remedy_for() {
  if [[ $1 == "$output"/* ]]; then echo "run the stages before it"; else echo "give it there, or check the path"; fi
}

# Of the stage that is being looked at: shares its variables.
is_finished() {
  local file
  [[ -f $record && $(<"$record") == "$command" ]] || return 1
  for file in "${outputs[@]}"; do [[ -e $file ]] || return 1; done
  for file in ${inputs[@]+"${inputs[@]}"}; do [[ ! $file -nt $record ]] || return 1; done
}
