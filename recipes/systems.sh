# Three systems side by side: $ngram alone, $lightrnn alone, and their mixture (model files that the recipe names), each
# with weights of its own, tuned on one set of lists and measured on another.
# shellcheck shell=bash disable=SC2154 # `ngram` and `lightrnn` are the recipe's, `stages_root` is of stages.sh

systems=(ngram lightrnn mixture)
declare -A running

# with_models SYSTEM COMMAND… adds the system's models to a command.
with_models() {
  case $1 in
    ngram) "${@:2}" --ngram "$ngram" ;;
    lightrnn) "${@:2}" --lm "$lightrnn" ;;
    mixture) "${@:2}" --lm "$lightrnn" --ngram "$ngram" ;;
  esac
}

# The mixture's are the weights to use: they have the plain name.
weights_of() { if [[ $2 == mixture ]]; then echo "$1/weights.json"; else echo "$1/weights.$2.json"; fi; }

# finish LOGS waits for the systems that run side by side and shows what each said.
finish() {
  local system failed=""
  for system in "${systems[@]}"; do
    echo "--- $system" >&2
    wait "${running[$system]}" || failed=$system
    cat "$1.$system.log" >&2
  done
  [[ -z $failed ]]
}

# tune_systems INPUT REFERENCES DIR [OPTION…]
tune_systems() {
  local system
  mkdir -p "$3"
  for system in "${systems[@]}"; do # side by side: each is one thread for most of its time
    with_models "$system" rescore "$1" --tune "$2" --weights "$(weights_of "$3" "$system")" \
      --output "$3/dev.$system.txt" "${@:4}" 2>"$3/tune.$system.log" &
    running[$system]=$!
  done
  finish "$3/tune"
}

# measure_systems INPUT REFERENCES DIR [OPTION…] leaves DIR/wer.json, and prints it as a table
measure_systems() {
  local system
  for system in "${systems[@]}"; do
    with_models "$system" rescore "$1" --weights "$(weights_of "$3" "$system")" --ref "$2" \
      --wer-output "$3/wer.$system.json" --output "$3/test.$system.txt" "${@:4}" 2>"$3/measure.$system.log" &
    running[$system]=$!
  done
  finish "$3/measure"
  python3 "$stages_root/recipes/wer_table.py" "$3/wer.json" \
    "KenLM=$3/wer.ngram.json" "LightRNN=$3/wer.lightrnn.json" "mixture=$3/wer.mixture.json"
}
