# Makes lattices of n-best lists, as Kaldi's text: each hypothesis is a path of its own, with its
# costs on the first arc. As in Kaldi's linear-to-nbest, a transition id is on the arc of each word,
# and the others are at the end.
#   awk -f nbest_lattice.awk words.txt lmwt.interp.W acwt ali words_text

FNR == 1 { file++ }
file == 1 { id[$1] = $2; next }
file == 2 { graph[$1] = $2; next }
file == 3 { acoustic[$1] = $2; next }
file == 4 { key = $1; sub(/^[^ ]+ ?/, ""); alignment[key] = $0; next }
{
  utterance = $1
  sub(/-[0-9]+$/, "", utterance)
  if (utterance != last) {
    if (last != "") print ""
    print utterance " "
    last = utterance
    state = 0
  }
  if (!($1 in graph) || !($1 in acoustic) || !($1 in alignment))
    fail("no costs, or no alignment, of " $1)
  ids = split(alignment[$1], transition, " ")
  print 0, ++state, 0, graph[$1] "," acoustic[$1] ","
  for (i = 2; i <= NF; i++) {
    if (!($i in id)) fail("word " $i " of " $1 " is not in words.txt")
    print state, state + 1, id[$i], "0,0," (i - 1 <= ids ? transition[i - 1] : "")
    state++
  }
  rest = ""
  for (i = NF; i <= ids; i++) rest = rest (i > NF ? "_" : "") transition[i]
  print state, "0,0," rest
}
END { if (!failed && last != "") print "" }

function fail(what) {
  print "error: " what >"/dev/stderr"
  failed = 1
  exit 1
}
