# Systems side by side: $ngram alone, $lightrnn alone and their mixture (model files that the recipe
# names); `systems+=(packaged)` adds the English model of the package. Each has weights of its own,
# tuned on one set of lists and measured on another.
# shellcheck shell=bash
# `ngram` and `lightrnn` are set by the recipe, `log` and `stages_root` by stages.sh:
# shellcheck disable=SC2154

systems=(ngram lightrnn mixture)
declare -A system_titles=(
  [ngram]=KenLM [lightrnn]=LightRNN [mixture]=mixture [packaged]="the package's LightRNN"
)

# with_models SYSTEM COMMAND… adds the system's models to a command.
with_models() {
  case $1 in
    ngram) "${@:2}" --ngram "$ngram" ;;
    lightrnn) "${@:2}" --lm "$lightrnn" ;;
    mixture) "${@:2}" --lm "$lightrnn" --ngram "$ngram" ;;
    packaged) "${@:2}" ;;
  esac
}

# weights_of DIR SYSTEM: the mixture's have the plain name, because they are the ones to use.
weights_of() {
  case $2 in
    mixture) echo "$1/weights.json" ;;
    *) echo "$1/weights.$2.json" ;;
  esac
}

system_log() { echo "${log%.log}.$1.log"; }

# side_by_side COMMAND ARGUMENT… runs `COMMAND SYSTEM ARGUMENT…` for all systems at the same time,
# because each is one thread for most of its time. Each has a log.
side_by_side() {
  local system failed=""
  local -A running
  for system in "${systems[@]}"; do
    "$1" "$system" "${@:2}" 2>"$(system_log "$system")" &
    running[$system]=$!
  done
  for system in "${systems[@]}"; do
    wait "${running[$system]}" && continue
    failed=$system
    tail -n 3 "$(system_log "$system")" >&2
    echo "$system failed; its log: $(short "$(system_log "$system")")" >&2
  done
  [[ -z $failed ]]
}

# tune_systems INPUT REFERENCES DIR [OPTION…]
tune_systems() {
  mkdir -p "$3"
  side_by_side tune_system "$@"
}
tune_system() {
  with_models "$1" rescore "$2" --tune "$3" --weights "$(weights_of "$4" "$1")" \
    --output "$4/dev.$1.txt" "${@:5}"
}

# measure_systems INPUT REFERENCES DIR [OPTION…] writes DIR/wer.json and the reports
# DIR/report.SYSTEM.txt, and prints a table.
measure_systems() {
  local system reports=()
  side_by_side measure_system "$@"
  for system in "${systems[@]}"; do
    cp "$(system_log "$system")" "$3/report.$system.txt"
    reports+=("${system_titles[$system]}=$3/wer.$system.json")
  done
  python3 "$stages_root/recipes/wer_table.py" "$3/wer.json" "${reports[@]}"
}
measure_system() {
  with_models "$1" rescore "$2" --weights "$(weights_of "$4" "$1")" --ref "$3" \
    --wer-output "$4/wer.$1.json" --output "$4/test.$1.txt" "${@:5}"
}
