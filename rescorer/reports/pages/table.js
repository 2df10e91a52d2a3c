const ROWS = 50;      // shown at a time
const WORDS = 2000;   // of a row or a column, shown at a time
const PREVIEW = 14;   // words of a row in the list of rows
const MATCHES = 12;   // words that start with what was typed
const COLOURS = ["#7cb8f2", "#f5b35c", "#8fd18a", "#e795b8", "#c4a8ee", "#e6d65a", "#6fd0c8", "#f08b7b", "#b5b5b5"];

let table;

// ---- the data ----

function lookUp(data) {
  const words = data.words.split("\n");
  const grid = new Int32Array(data.rows * data.columns).fill(-1);
  data.cells.forEach((cell, id) => { grid[cell] = id; });
  const firstList = new Int16Array(words.length).fill(-1);  // its colour; a word may be on more lists
  const members = data.lists.map(({steps}) => {
    let id = 0;
    return Int32Array.from(steps, (step) => (id += step));
  });
  for (let list = members.length - 1; list >= 0; list--) members[list].forEach((id) => { firstList[id] = list; });
  return {...data, words, grid, firstList, members};
}

const byCount = (a, b) => table.counts[b] - table.counts[a] || a - b;
const rowOf = (id) => Math.floor(table.cells[id] / table.columns);
const columnOf = (id) => table.cells[id] % table.columns;

function wordsOfRow(row) {
  const cells = table.grid.subarray(row * table.columns, (row + 1) * table.columns);
  return Array.from(cells.filter((id) => id >= 0)).sort(byCount);
}

function wordsOfColumn(column) {
  const ids = [];
  for (let cell = column; cell < table.grid.length; cell += table.columns) {
    if (table.grid[cell] >= 0) ids.push(table.grid[cell]);
  }
  return ids.sort(byCount);
}

const inCase = (text) => table.case === "lower" ? text.toLowerCase() : text;

function startingWith(text) {
  const found = [];
  for (let id = 0; id < table.words.length && found.length < MATCHES; id++) {
    if (table.words[id].startsWith(text)) found.push(id);
  }
  return found;
}

// ---- pieces of the page ----

const link = (key, value, text, className = "") =>
  element("a", {href: `#${key}=${encodeURIComponent(value)}`, className}, text);
const colour = (list) => COLOURS[list % COLOURS.length];

function wordLink(id, here = -1) {
  const made = link("word", table.words[id], table.words[id], id === here ? "word here" : "word");
  if (table.firstList[id] >= 0) made.style.background = colour(table.firstList[id]);
  made.title = `row ${rowOf(id)}, column ${columnOf(id)}, seen ${number(table.counts[id])} times`;
  return made;
}

const wordLinks = (ids) => ids.map((id) => wordLink(id));

function listName(list) {
  if (list < 0) return "–";
  const swatch = element("span", {className: "swatch"});
  swatch.style.background = colour(list);
  return element("span", {}, swatch, table.lists[list].name);
}

const onDominant = (row) => table.dominant[row] < 0 ? 0 : table.onLists[table.dominant[row]][row];

function rowLine(row) {
  const ids = wordsOfRow(row);
  const cell = (content) => element("td", {className: "number"}, content);
  const more = ids.length > PREVIEW ? [link("row", row, `… ${number(ids.length - PREVIEW)} more`)] : [];
  return element("tr", {}, cell(link("row", row, String(row))), cell(number(ids.length)),
    cell(number(table.listed[row])), element("td", {}, listName(table.dominant[row])), cell(number(onDominant(row))),
    cell(percent(onDominant(row), table.listed[row])),
    element("td", {}, ...wordLinks(ids.slice(0, PREVIEW)), ...more));
}

function rowTable(rows) {
  const heads = ["row", "words", "listed", "dominant list", "on it", "purity", "most frequent words"];
  const numeric = new Set(["row", "words", "listed", "on it", "purity"]);
  const body = element("tbody");
  const more = lazily(body, rows, rowLine, ROWS);
  return [element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((head) =>
    element("th", {className: numeric.has(head) ? "number" : ""}, head)))), body), more];
}

// ---- what the address asks for: #word=…, #row=…, #column=…, #list=…, #order=… ----

function rowsView(title, rows) {
  return [element("h2", {}, title), ...rowTable(rows)];
}

function wordView(text) {
  const id = table.words.indexOf(inCase(text));
  if (id < 0) return [...missing(`word “${text}” in the table`), ...wordLinks(startingWith(inCase(text)))];
  mark(id);
  const lists = table.lists.filter((_, list) => table.members[list].includes(id)).map(({name}) => name);
  const facts = `seen ${number(table.counts[id])} times; lists: ${lists.join(", ") || "–"}`;
  return [element("h2", {id: "word"}, table.words[id]), element("p", {className: "muted", id: "facts"}, facts),
    ...rowView(rowOf(id), id), ...columnView(columnOf(id), id)];
}

function wordField(name, ids, here) {
  const field = element("div", {id: name});
  return [field, lazily(field, ids, (id) => wordLink(id, here), WORDS)];
}

function rowView(row, here) {
  const ids = wordsOfRow(row);
  const purity = `dominant list: ${table.dominant[row] < 0 ? "–" : table.lists[table.dominant[row]].name}, ` +
    `${number(onDominant(row))} of ${number(table.listed[row])} listed words ` +
    `(${percent(onDominant(row), table.listed[row])})`;
  const near = [row - 1, row + 1].filter((other) => other >= 0 && other < table.rows);
  return [element("h2", {}, link("row", row, `Row ${row}`), `: ${number(ids.length)} words`),
    element("p", {className: "muted"}, purity, ...near.flatMap((other) => [" · ", link("row", other, `row ${other}`)])),
    ...wordField("row", ids, here)];
}

function columnView(column, here) {
  const ids = wordsOfColumn(column);
  return [element("h2", {}, link("column", column, `Column ${column}`), `: ${number(ids.length)} words`),
    ...wordField("column", ids, here)];
}

function listView(name) {
  const list = table.lists.findIndex((other) => other.name === name);
  if (list < 0) return missing(`list “${name}”`);
  const counts = table.onLists[list];
  const rows = [...table.fullest].filter((row) => counts[row]).sort((a, b) => counts[b] - counts[a] || a - b);
  const ten = rows.slice(0, 10).reduce((sum, row) => sum + counts[row], 0);
  return rowsView(`${name}: ${number(table.members[list].length)} words in ${number(rows.length)} rows, ` +
    `${percent(ten, table.members[list].length)} in the ten fullest`, rows);
}

const whole = (text, end) => /^[0-9]+$/.test(text) && Number(text) < end ? Number(text) : -1;
const missing = (what) => [element("h2", {}, `There is no ${what}`)];

function viewOf(key, value) {
  if (key === "word") return wordView(value);
  if (key === "row") return whole(value, table.rows) < 0 ? missing(`row ${value}`) : rowView(whole(value, table.rows));
  if (key === "column") {
    return whole(value, table.columns) < 0 ? missing(`column ${value}`) : columnView(whole(value, table.columns));
  }
  if (key === "list") return listView(value);
  return value === "purest" ? rowsView("Rows, the purest first", table.purest)
    : rowsView("Rows, the fullest first", table.fullest);
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

function show() {
  byId("mark").hidden = true;
  const [, key = "", value = ""] = /^#?([a-z]*)=?(.*)$/s.exec(location.hash) || [];
  byId("view").replaceChildren(...viewOf(key, decoded(value)));
}

function find(text) {
  if (text && location.hash === `#word=${encodeURIComponent(text)}`) show();
  else if (text) location.hash = `word=${encodeURIComponent(text)}`;
}

// ---- the map: a pixel a cell ----

function mark(id) {
  const {style} = byId("mark");
  style.left = `${100 * (rowOf(id) + 0.5) / table.rows}%`;
  style.top = `${100 * (columnOf(id) + 0.5) / table.columns}%`;
  byId("mark").hidden = false;
}

function drawMap() {
  const map = byId("map");
  // No browser draws a canvas of more pixels than this on a side: such a table goes without a map.
  if (!table.lists.length || Math.max(table.rows, table.columns) > 16384) return;
  [map.width, map.height] = [table.rows, table.columns];
  const context = map.getContext("2d");
  const pixels = context.createImageData(table.rows, table.columns);
  const shades = new Uint32Array(pixels.data.buffer);
  const shade = (hex) => (0xff000000 | parseInt(hex.slice(5, 7) + hex.slice(3, 5) + hex.slice(1, 3), 16)) >>> 0;
  const ofList = table.lists.map((_, list) => shade(colour(list)));
  for (let cell = 0; cell < table.grid.length; cell++) {
    const id = table.grid[cell];
    if (id < 0) continue;  // a free cell stays clear
    const place = (cell % table.columns) * table.rows + Math.floor(cell / table.columns);
    shades[place] = table.firstList[id] < 0 ? 0x40808080 : ofList[table.firstList[id]];
  }
  context.putImageData(pixels, 0, 0);
  byId("cells").hidden = false;
  const idUnder = (event) => {
    const box = map.getBoundingClientRect();
    const row = Math.floor((event.clientX - box.left) / box.width * table.rows);
    const column = Math.floor((event.clientY - box.top) / box.height * table.columns);
    const inside = row >= 0 && row < table.rows && column >= 0 && column < table.columns;
    return inside ? table.grid[row * table.columns + column] : -1;
  };
  map.addEventListener("mousemove", (event) => {
    const id = idUnder(event);
    map.title = id < 0 ? "" : `${table.words[id]}: row ${rowOf(id)}, column ${columnOf(id)}`;
  });
  map.addEventListener("click", (event) => {
    const id = idUnder(event);
    if (id >= 0) find(table.words[id]);
  });
}

function drawLegend() {
  const lists = table.lists.map((list, index) => {
    const made = link("list", list.name, "");
    made.append(listName(index), ` ${number(table.members[index].length)}`);
    return made;
  });
  const orders = ["fullest", "purest"].map((order) => link("order", order, `${order} rows`));
  byId("legend").replaceChildren(...orders, ...lists);
}

// ---- start ----

function listen() {
  window.addEventListener("hashchange", show);
  byId("query").addEventListener("input", () => {
    const text = inCase(byId("query").value.trim());
    byId("matches").replaceChildren(...(text ? wordLinks(startingWith(text)) : []));
  });
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    find(byId("query").value.trim());
  });
}

start((data) => {
  table = lookUp(data);
  const free = table.rows * table.columns - table.words.length;
  document.title = table.title;
  byId("title").textContent = `${table.title}: ${number(table.rows)} rows × ${number(table.columns)} columns, ` +
    `${number(table.words.length)} words, ${number(free)} free cells`;
  drawLegend();
  drawMap();
  listen();
  show();
});
