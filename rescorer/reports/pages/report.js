// ---- the report ----

const SHOWN = 50;          // utterances shown at a time
const PAIRS = 25;          // confusions shown at a time
const GAP = "–";           // stands for no word
const SIDES = [["before", "first pass"], ["after", "result"]];

let report;                // the data, with what `prepared` finds
let pair = null;           // the confusion whose utterances are shown
const lists = new Map();   // unpacked blocks of lists

// ---- the data ----

// Each utterance as an object: its words, both sides, and what filters and orders need.
function prepared(data) {
  const listed = new Set(data.listed);
  const utterances = data.utterances.map((id, place) => {
    const reference = data.reference[place];
    const before = side(data.before[place], reference);
    const after = data.after[place] ? side(data.after[place], reference) : before;
    const said = [...reference, ...before.words, ...(after === before ? [] : after.words)];
    return {
      id, place, reference, before, after, oracle: data.oracle[place], replaced: data.replaced[place] || [],
      isListed: said.some((word) => listed.has(word)),
      text: `${id} ${[reference, before.words, after.words].map((words) => spell(words, data)).join(" \n ")}`.toLowerCase(),
    };
  });
  return {...data, listedWords: listed, all: utterances};
}

const spell = (words, data = report) => words.map((word) => data.words[word]).join(" ");

// Pairs of a word of the reference and a recognised word, -1 for none, from letters and wrong words.
function side([operations, wrong], reference) {
  const pairs = [], counts = {"=": 0, S: 0, D: 0, I: 0};
  let at = 0, used = 0;
  for (const operation of operations) {
    counts[operation]++;
    const said = operation === "I" ? -1 : reference[at++];
    pairs.push([said, operation === "=" ? said : operation === "D" ? -1 : wrong[used++]]);
  }
  const words = pairs.map(([, word]) => word).filter((word) => word >= 0);
  return {pairs, words, counts, errors: counts.S + counts.D + counts.I};
}

// ---- the summary ----

function rateRow(rate, largest) {
  const value = (figure) => figure === null ? "–" : figure.toFixed(2);
  const cell = (text) => element("td", {className: "number"}, text);
  return element("tr", {}, element("td", {}, rate.name), cell(value(rate.percent)),
    cell(rate.low === null || rate.high === null ? GAP : `${value(rate.low)} – ${value(rate.high)}`), cell(number(rate.errors)), cell(number(rate.words)),
    element("td", {className: "bar"}, ...([rate.low, rate.high, rate.percent].includes(null) ? [] : [interval(rate, largest)])));
}

function drawing(width, height, ...shapes) {
  const svg = shape("svg", {viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true"});
  svg.append(...shapes);
  return svg;
}

function shape(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function interval(rate, largest) {
  const x = (figure) => (190 * figure / (largest || 1) + 5).toFixed(1);
  return drawing(200, 12, shape("line", {x1: x(rate.low), x2: x(rate.high), y1: 6, y2: 6, class: "line"}),
    shape("circle", {cx: x(rate.percent), cy: 6, r: 3, fill: "currentColor"}));
}

function showSummary() {
  document.title = byId("title").textContent = report.title;
  byId("verdict").textContent = report.verdict;
  byId("verdict").className = report.isWorse ? "worse" : "";
  byId("remarks").append(...report.remarks.map((line) => element("li", {}, line)));
  const rates = [...report.rates, ...report.listedRates];
  const largest = Math.max(...rates.map((rate) => rate.high || rate.percent || 0));
  const heads = ["", "WER, %", "95 % interval", "errors", "words", ""];
  byId("rates").append(
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", {className: head ? "number" : ""}, head)))),
    element("tbody", {}, ...rates.map((rate) => rateRow(rate, largest))));
  byId("curves").append(...report.curves.map(curveFigure));
  byId("weights").hidden = !report.curves.length;
  byId("pairs").append(lazily(byId("confusions"), report.confusions, confusionRow, PAIRS));
  byId("summary").hidden = byId("filters").hidden = false;
  byId("view").remove();
}

const brief = (value) => Number(value.toPrecision(4)).toString();

function curveFigure({name, values, percents, chosen, percent}) {
  const all = [...percents, percent];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const [first, last] = [values[0], values[values.length - 1]];
  const x = (value) => (34 + 196 * (value - first) / (last - first || 1)).toFixed(1);
  const y = (value) => (80 - 70 * (value - low) / (high - low || 1)).toFixed(1);
  const points = values.map((value, at) => `${x(value)},${y(percents[at])}`).join(" ");
  const label = (text, at, anchor, up) => shape("text", {x: at, y: up, "text-anchor": anchor}, text);
  return element("figure", {}, drawing(240, 98,
    shape("line", {x1: 34, x2: 230, y1: 84, y2: 84, class: "axis"}),
    shape("polyline", {points, class: "line"}),
    shape("circle", {cx: x(chosen), cy: y(percent), r: 4, class: "chosen"}),
    label(high.toFixed(2), 30, "end", 13), label(low.toFixed(2), 30, "end", 83),
    label(brief(first), 34, "start", 96), label(brief(last), 230, "end", 96)),
  element("figcaption", {}, `${name}: ${brief(chosen)} `, element("span", {className: "muted"}, `WER ${percent.toFixed(2)} %`)));
}

const spelled = (word) => word < 0 ? GAP : report.words[word];

function confusionRow([said, recognised, before, after]) {
  const show = () => {
    pair = [said, recognised];
    byId("pairs").open = false;
    showUtterances();
    byId("filters").scrollIntoView();
  };
  const button = (word) => {
    const made = element("button", {type: "button", className: "link"}, spelled(word));
    made.addEventListener("click", show);
    return made;
  };
  const count = (value) => element("td", {className: "number"}, number(value));
  return element("tr", {}, element("td", {}, button(said)), element("td", {}, button(recognised)), count(before), count(after));
}

// ---- filters and orders ----

const harm = (utterance) => utterance.after.errors - utterance.before.errors;
const ORDERS = {
  harm: (a, b) => harm(b) - harm(a) || b.after.errors - a.after.errors || a.place - b.place,
  gain: (a, b) => harm(a) - harm(b) || a.after.errors - b.after.errors || a.place - b.place,
  errors: (a, b) => b.after.errors - a.after.errors || a.place - b.place,
  input: (a, b) => a.place - b.place,
};

const holdsPair = ({before, after}) => [before, after].some(({pairs}) =>
  pairs.some(([said, recognised]) => said === pair[0] && recognised === pair[1]));

function chosen() {
  const text = byId("text").value.trim().toLowerCase();
  const [kind, side, oracle] = ["kind", "side", "oracle"].map((id) => byId(id).value);
  const [listed, replaced] = ["listed", "replaced"].map((id) => byId(id).checked);
  return report.all.filter((utterance) =>
    (!text || utterance.text.includes(text)) &&
    (!kind || [...kind].some((each) => utterance[side].counts[each])) &&
    (!oracle || (oracle === "right") === (utterance.oracle === 0)) &&
    (!listed || utterance.isListed) && (!replaced || utterance.replaced.length) && (!pair || holdsPair(utterance)));
}

function showUtterances() {
  const found = chosen().sort(ORDERS[byId("order").value]);
  const sum = (side) => number(found.reduce((total, utterance) => total + utterance[side].errors, 0));
  byId("count").textContent = `${number(found.length)} of ${number(report.all.length)} utterances, ` +
    `${sum("before")} errors in the first pass, ${sum("after")} in the result`;
  byId("pair").hidden = !pair;
  byId("pair").textContent = pair ? `${spelled(pair[0])} → ${spelled(pair[1])} ×` : "";
  const shown = element("div");
  byId("utterances").replaceChildren(shown, lazily(shown, found, utteranceView, SHOWN));
}

// ---- an utterance ----

// Columns of the reference and both sides. Insertions of both sides before the same word share columns.
function columns({before, after}) {
  const rows = [before.pairs, after.pairs], at = [0, 0], made = [];
  const isInsertion = (row) => at[row] < rows[row].length && rows[row][at[row]][0] < 0;
  while (at[0] < rows[0].length || at[1] < rows[1].length) {
    const inserted = [isInsertion(0), isInsertion(1)];
    const take = inserted[0] || inserted[1] ? inserted : [true, true];
    const pairs = take.map((taken, row) => taken ? rows[row][at[row]++] : null);
    made.push({said: (pairs[0] || pairs[1])[0], pairs});
  }
  return made;
}

function wordsView(utterance) {
  const names = new Map();  // the place of a word in the result → what a name replaced
  for (const [begin, length, written] of utterance.replaced) {
    for (let word = begin; word < begin + length; word++) names.set(word, written);
  }
  const view = element("div", {className: "words"}, element("span", {className: "sides"},
    ...["reference", "first pass", "result"].map((name) => element("span", {}, name))));
  let place = 0;  // in the result
  for (const {said, pairs} of columns(utterance)) {
    const cells = pairs.map((each) => each ? wordCell(each) : element("span"));
    if (pairs[1] && pairs[1][1] >= 0) {
      if (names.has(place)) {
        cells[1].classList.add("name");
        cells[1].title = `a name in place of “${names.get(place)}”`;
      }
      place++;
    }
    view.append(element("span", {}, element("span", {className: emphasis(said)}, said < 0 ? "" : spelled(said)), ...cells));
  }
  return view;
}

const emphasis = (word) => report.listedWords.has(word) ? "listed" : "";

function wordCell([said, recognised]) {
  const kind = said === recognised ? "same" : said < 0 ? "I" : recognised < 0 ? "D" : "S";
  const title = {same: "", I: "insertion", D: "deletion", S: "substitution"}[kind];
  return element("span", {className: `${kind} ${emphasis(recognised)}`, title}, spelled(recognised));
}

function utteranceView(utterance) {
  const change = harm(utterance);
  const verdict = change ? element("span", {className: change > 0 ? "harm" : "gain"},
    ` ${change > 0 ? "+" : "−"}${Math.abs(change)}`) : "";
  const view = element("article", {}, element("h3", {}, element("strong", {}, utterance.id), verdict,
    element("span", {className: "muted"}, ` errors ${utterance.before.errors} → ${utterance.after.errors}, oracle ${utterance.oracle}`)),
  wordsView(utterance));
  if (report.listSize) view.append(hypothesesView(utterance));
  return view;
}

// ---- the hypotheses of an utterance ----

async function hypothesesOf(place) {
  const block = Math.floor(place / report.listSize);
  if (!lists.has(block)) lists.set(block, unpack(byId(`lists-${block}`).textContent));
  return (await lists.get(block))[place % report.listSize];
}

function hypothesesView({place}) {
  const view = element("details", {}, element("summary", {className: "muted"}, "hypotheses"));
  view.addEventListener("toggle", async () => {
    if (view.open && view.children.length === 1) view.append(hypothesesTable(await hypothesesOf(place)));
  });
  return view;
}

function hypothesesTable(hypotheses) {
  if (!hypotheses.length) return element("p", {className: "muted"}, "none");
  const names = hypotheses[0][5];
  const fewest = Math.min(...hypotheses.map(([, errors]) => errors));
  const cell = (text) => element("td", {className: "number"}, text);
  const heads = ["place", "errors", ...names].map((name) => element("th", {className: "number"}, name));
  const rows = hypotheses.map(([rank, errors, isFirstPass, key, text, , scores]) => {
    const marks = [rank === 1 && "best total", isFirstPass && "first pass", errors === fewest && "fewest errors"].filter(Boolean);
    return element("tr", {title: `key ${key}`}, cell(String(rank)), cell(String(errors)), ...scores.map((score) => cell(score.toFixed(2))),
      element("td", {className: "text"}, text || GAP, element("span", {className: "muted"}, marks.length ? ` (${marks.join(", ")})` : "")));
  });
  return element("div", {className: "wide hypotheses"}, element("table", {},
    element("thead", {}, element("tr", {}, ...heads, element("th", {}, "hypothesis"))), element("tbody", {}, ...rows)));
}

// ---- start ----

function listen() {
  for (const id of ["text", "order", "kind", "side", "oracle", "listed", "replaced"]) {
    byId(id).addEventListener("input", showUtterances);
  }
  byId("pair").addEventListener("click", () => { pair = null; showUtterances(); });
  byId("listed-label").hidden = !report.listedRates.length;
  byId("replaced-label").hidden = !Object.keys(report.replaced).length;
}

start((data) => {
  report = prepared(data);
  showSummary();
  listen();
  showUtterances();
});
