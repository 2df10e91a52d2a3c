# A short form of Kaldi's utils/parse_options.sh, to source outside Kaldi. `--some-name VALUE` sets
# the variable some_name, which must have a value before. The first argument that does not begin
# with -- ends the options.
# shellcheck shell=bash

while [[ ${1-} == -* ]]; do
  case $1 in
    -h | --help)
      # shellcheck disable=SC2059 # as in Kaldi, the message holds line ends as printf has them
      printf "${help_message:-no help}\n" >&2
      exit 0 ;;
  esac
  option=${1#--} option=${option//-/_}
  [[ $1 == --* && $option =~ ^[A-Za-z_]+$ && -n ${!option+set} ]] ||
    { echo "$0: invalid option $1" >&2; exit 1; }
  (($# > 1)) || { echo "$0: $1 without a value" >&2; exit 1; }
  if [[ ${!option} == true || ${!option} == false ]] && [[ $2 != true && $2 != false ]]; then
    echo "$0: $1 $2: expected true or false" >&2
    exit 1
  fi
  printf -v "$option" %s "$2"
  shift 2
done
[[ -n ${cmd-} ]] || { echo "$0: --cmd is empty" >&2; exit 1; }
