// ---- what all pages share ----

const byId = (id) => document.getElementById(id);

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const gzip = new DecompressionStream("gzip");
  const writer = gzip.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const [data] = await Promise.all([new Response(gzip.readable).json(), written]);
  return data;
}

// Words are only ever text, never markup.
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const percent = (part, whole) => whole ? `${(100 * part / whole).toFixed(1)} %` : "–";
const number = (value) => value.toLocaleString("en");

// What is long is made as far as it was asked for: a million words are never on the page together.
function lazily(container, items, make, step) {
  const more = element("button", {type: "button", className: "more"});
  const show = () => {
    const shown = container.children.length;
    container.append(...items.slice(shown, shown + step).map(make));
    const left = items.length - container.children.length;
    more.textContent = `more (${number(left)} left)`;
    more.hidden = left === 0;
  };
  more.addEventListener("click", show);
  show();
  return more;
}

async function start(showData) {
  let data;
  try {
    data = await unpack(byId("data").textContent);
  } catch (error) {
    byId("view").textContent = `This browser cannot unpack the page (${error}); one of 2023 or later can.`;
    return;
  }
  byId("data").remove();
  showData(data);
  document.body.dataset.ready = "yes";
}
