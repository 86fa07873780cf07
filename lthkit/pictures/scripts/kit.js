// What all pictures share: native inputs with labels, state that may stand in the address, redrawing at the width there
// is, axes, marks and a legend. A picture is a function (lp, data); `start` calls it once, in the figure that the script stands in.

const SVG = "http://www.w3.org/2000/svg";

function element(space, tag, attributes, children) {
  const made = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) made.append(child);
  return made;
}

const h = (tag, attributes, ...children) => element(null, tag, attributes, children);
const s = (tag, attributes, ...children) => element(SVG, tag, attributes, children);

// Numbers as the course writes them.
const fixed = (value, digits) => value.toFixed(digits).replace("-", "−").replace(/^−(0(\.0*)?)$/, "$1");
const signed = (value, digits) => (Number(value.toFixed(digits)) > 0 ? "+" : "") + fixed(value, digits);
const percent = share => {  // two digits, of nearly all three: "100" is all
  const p = 100 * share;
  return p > 99 && p < 100 ? fixed(Math.min(99.9, p), 1) : p >= 10 ? fixed(p, 0) : String(Number(p.toPrecision(2)));
};
const thousands = value => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

// A stream of numbers from 0 to 1 that is the same for everybody (mulberry32).
function stream(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Bytes as the pictures are given them: base64, in which a run of zeros is a 0 and its length.
function bytes(text, runs) {
  const stored = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  if (!runs) return stored;
  const found = [];
  for (let i = 0; i < stored.length; i++)
    if (stored[i]) found.push(stored[i]);
    else for (let n = stored[++i]; n > 0; n--) found.push(0);
  return Uint8Array.from(found);
}

function start(picture) {
  const figure = document.currentScript.closest("figure");
  const stored = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const lp = kit(figure, stored);
  picture(lp, stored.data);
  lp.begin();
}

function kit(figure, stored) {
  const body = figure.querySelector(".lp-body"), name = figure.dataset.picture;
  const controls = h("div", { class: "lp-controls" });
  const stage = h("div", { class: "lp-stage" });
  const legend = h("ul", { class: "lp-legend" });
  const said = h("output", { class: "lp-said", "aria-live": "polite" });
  const tabled = h("div", {}), below = h("div", { class: "lp-below" });
  body.replaceChildren(controls, said, stage, legend, tabled, below);
  let serial = 0, drawing = null, width = 0, drawnAt = 0, waiting = 0;
  const id = () => `lp-${name}-${++serial}`;

  // The state of a picture is text by key. On the site it stands in the address, so that a link shows what somebody saw.
  const kept = new Map(), changed = new Set();
  if (stored.address) {
    for (const [key, value] of new URLSearchParams(location.search))
      if (key.startsWith(name + ".")) kept.set(key.slice(name.length + 1), value);
  }
  function keep(key, value) {  // null: there is nothing to keep any more
    changed.add(key);
    if (value === null) kept.delete(key);
    else kept.set(key, String(value));
    if (!stored.address) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const query = new URLSearchParams(location.search);
      for (const one of changed)
        if (kept.has(one)) query.set(`${name}.${one}`, kept.get(one));
        else query.delete(`${name}.${one}`);
      try { history.replaceState(history.state, "", `?${query}${location.hash}`); } catch (error) { /* a page that may not */ }
    }, 250);
  }
  const asked = (key, fallback) => (kept.has(key) ? kept.get(key) : fallback);

  function redraw() {
    drawnAt = stage.clientWidth;  // 0 where it is not laid out: then it is drawn when it is seen
    if (!drawnAt) return;
    width = Math.max(280, Math.floor(drawnAt));
    if (drawing) drawing(width);
    fit();
  }
  function fit() {  // in a frame of a notebook: as high as the picture
    if (stored.address) return;
    try {
      const frame = window.frameElement, bottom = figure.getBoundingClientRect().bottom;
      // JupyterLab does not lay out what is out of view: there it has no height, and keeps the one it had.
      if (frame && bottom > 0) frame.style.height = `${Math.ceil(bottom)}px`;
    } catch (error) { /* a frame that may not be asked: it keeps the height it was given, and scrolls */ }
  }

  // A slider. Without a key its place is not kept: who asked for it keeps it.
  function range(key, { label, min, max, value, step = 1, text = String, spoken = text, change = redraw, parent = controls, wide = false }) {
    const first = Number(asked(key, value) || value), own = id();
    const input = h("input", { type: "range", id: own, min, max, step });
    input.value = Number.isFinite(first) ? first : value;
    const shown = h("span", { class: "lp-value" });
    const tell = () => {
      shown.textContent = text(Number(input.value));
      input.setAttribute("aria-valuetext", spoken(Number(input.value)));
    };
    const place = () => { tell(); if (key) keep(key, input.value); };
    input.addEventListener("input", () => { place(); change(Number(input.value)); });
    tell();
    const row = h("div", { class: wide ? "lp-range lp-wide" : "lp-range" }, h("label", { for: own }, label), input, shown);
    parent.append(row);
    return {
      input, row, tell,
      get value() { return Number(input.value); },
      set value(to) { input.value = to; place(); },
    };
  }
  function choice(key, { legend: words, options, value, change = redraw, parent = controls }) {
    const first = asked(key, value), group = id();
    const chosen = options.some(([one]) => String(one) === first) ? first : String(value);
    const inputs = options.map(([one, label]) => {
      const input = h("input", { type: "radio", name: group, id: id(), value: one });
      input.checked = String(one) === chosen;
      input.addEventListener("change", () => { keep(key, one); change(one); });
      return [input, h("label", { for: input.id }, label)];
    });
    const set = h("fieldset", { class: "lp-choice" }, h("legend", {}, words),
      inputs.map(([input, label]) => h("span", {}, input, label)));
    parent.append(set);
    return { set, get value() { return inputs.find(([input]) => input.checked)[0].value; } };
  }
  function check(key, { label, value, change = redraw, parent = controls }) {
    const input = h("input", { type: "checkbox", id: id() });
    input.checked = asked(key, value ? "1" : "0") === "1";
    input.addEventListener("change", () => { keep(key, input.checked ? "1" : "0"); change(input.checked); });
    const row = h("span", { class: "lp-check" }, input, h("label", { for: input.id }, label));
    parent.append(row);
    return { row, input, get value() { return input.checked; } };
  }
  function group(words, parent = controls) {
    const set = words ? h("fieldset", { class: "lp-choice" }, h("legend", {}, words)) : h("div", {});
    parent.append(set);
    return set;
  }
  function button(label, act, parent = controls) {
    const made = h("button", { type: "button", onclick: act }, label);
    parent.append(made);
    return made;
  }
  function say(text) {
    const whole = text.replace(/(\d) %/g, "$1\u00a0%");  // a number and its unit stay on one line
    if (said.textContent !== whole) said.textContent = whole;
  }
  // A small table below the drawing: the heads of its columns, and rows whose first cell names them. Without rows there is none.
  function table(head, rows) {
    tabled.replaceChildren(...(rows.length ? [h("table", { class: "lp-table" },
      h("thead", {}, h("tr", {}, head.map(words => h("th", { scope: "col" }, words)))),
      h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map(words => h("td", {}, words))))))] : []));
  }

  // A drawing of its own in the stage; `words` is what a reader who does not see it is told.
  function canvas(height, words) {
    const svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
    stage.append(svg);
    return svg;
  }
  const clear = () => stage.replaceChildren();
  const look = arm => stored.looks[arm];
  function legends(entries) {
    legend.hidden = !entries.length;
    legend.replaceChildren(...entries.map(([arm, words]) => {  // an arm, or a look of the picture's own
      const swatch = s("svg", { width: 34, height: 12, "aria-hidden": "true" }), own = typeof arm === "string" ? look(arm) : arm;
      if (own) swatch.append(path([[1, 6], [33, 6]], own), mark(own, 17, 6, 4, own.fill && { fill: own.fill }));
      return h("li", {}, swatch, words);
    }));
  }

  return {
    figure, controls, stage, below, range, choice, check, group, button, say, table, keep, asked, redraw, canvas, clear, look, legends,
    get width() { return width; },
    draw(how) { drawing = how; },
    begin() {
      redraw();
      new ResizeObserver(() => {
        if (stage.clientWidth !== drawnAt) redraw();
        else fit();
      }).observe(figure);
      // Colours that are painted and not drawn go with the theme, too.
      new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    },
  };
}

// A line through points [x, y] in the look of an arm.
function path(points, look, extra) {
  const d = points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return s("path", { d, fill: "none", stroke: look.color, "stroke-width": 2, "stroke-dasharray": look.dash || null, ...extra });
}

// The mark of an arm: circle, triangles, square, diamond, cross, plus; told apart by form as well as by colour.
function mark(look, x, y, r, extra) {
  const at = { fill: look.color, stroke: look.color, ...extra };
  const poly = points => s("polygon", { points: points.map(([a, b]) => `${(x + a * r).toFixed(1)},${(y + b * r).toFixed(1)}`).join(" "), ...at });
  if (look.marker === "^") return poly([[0, -1.1], [1, 0.8], [-1, 0.8]]);
  if (look.marker === "v") return poly([[0, 1.1], [1, -0.8], [-1, -0.8]]);
  if (look.marker === "s") return poly([[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]]);
  if (look.marker === "D") return poly([[0, -1.2], [1, 0], [0, 1.2], [-1, 0]]);
  if (look.marker === "P") return poly([[-0.35, -1], [0.35, -1], [0.35, -0.35], [1, -0.35], [1, 0.35], [0.35, 0.35], [0.35, 1], [-0.35, 1], [-0.35, 0.35], [-1, 0.35], [-1, -0.35], [-0.35, -0.35]]);
  if (look.marker === "X") return poly([[-1, -0.6], [-0.6, -1], [0, -0.4], [0.6, -1], [1, -0.6], [0.4, 0], [1, 0.6], [0.6, 1], [0, 0.4], [-0.6, 1], [-1, 0.6], [-0.4, 0]]);
  if (!look.marker) return s("g", {});
  return s("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r, ...at });
}

// A picture of side × side numbers, dark where they are large, on a ground of the page's own colour.
function heat(numbers, side, shown, most, words, figure) {
  const style = getComputedStyle(figure), rgb = name => style.getPropertyValue(name).trim().match(/[0-9a-f]{2}/gi).map(v => parseInt(v, 16));
  const [low, high] = [rgb("--field"), rgb("--ticket")];
  const canvas = h("canvas", { width: side, height: side, role: "img", "aria-label": words, style: `width:${shown}px;height:${shown}px` });
  const context = canvas.getContext("2d"), picture = context.createImageData(side, side);
  numbers.forEach((v, i) => {
    const part = most ? v / most : 0;
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = Math.round(low[c] + (high[c] - low[c]) * part);
    picture.data[4 * i + 3] = 255;
  });
  context.putImageData(picture, 0, 0);
  return canvas;
}

// Axes in a part of a drawing. An axis: {from, to, ticks, label, log, text}. Gives places: x(value), y(value).
function axes(svg, box, xAxis, yAxis) {
  const scale = (axis, start, end) => {
    const f = axis.log ? Math.log : v => v;
    return v => start + (end - start) * (f(v) - f(axis.from)) / (f(axis.to) - f(axis.from));
  };
  const x = scale(xAxis, box.left, box.right), y = scale(yAxis, box.bottom, box.top);
  const g = s("g", { class: "lp-axes", "aria-hidden": "true" });
  const write = axis => axis.text || String;
  for (const v of yAxis.ticks || [])
    g.append(s("line", { x1: box.left, x2: box.right, y1: y(v), y2: y(v), class: "lp-grid" }),
      s("text", { x: box.left - 6, y: y(v) + 4, "text-anchor": "end" }, write(yAxis)(v)));
  for (const v of xAxis.ticks || [])
    g.append(s("line", { x1: x(v), x2: x(v), y1: box.bottom, y2: box.bottom + 4, class: "lp-tick" }),
      s("text", { x: x(v), y: box.bottom + 18, "text-anchor": "middle" }, write(xAxis)(v)));
  g.append(s("path", { d: `M${box.left} ${box.top}V${box.bottom}H${box.right}`, class: "lp-frame" }));
  if (xAxis.label) g.append(s("text", { x: (box.left + box.right) / 2, y: box.bottom + 36, "text-anchor": "middle" }, xAxis.label));
  if (yAxis.label) g.append(s("text", { x: box.left - 34, y: box.top - 10 }, yAxis.label));
  svg.append(g);
  return { x, y };
}

// A mean with its interval where one may be shown; single seeds as small dots beside it.
function measured(look, x, y, band) {
  const g = s("g", {});
  for (const v of band.values) g.append(s("circle", { cx: x, cy: y(v), r: 1.8, fill: look.color, opacity: 0.55 }));
  if (band.shown)
    g.append(s("path", { d: `M${x} ${y(band.low)}V${y(band.high)}M${x - 5} ${y(band.low)}h10M${x - 5} ${y(band.high)}h10`, stroke: look.color, "stroke-width": 2, fill: "none" }));
  g.append(mark(look, x, y(band.mean), 5));
  return g;
}

// "88.1 % (87.9 to 88.4)", or its seeds where an interval may not be shown.
function told(band, digits, unit, write = fixed) {
  const end = band.shown ? `${write(band.low, digits)} to ${write(band.high, digits)}` : `seeds ${band.values.map(v => write(v, digits)).join(", ")}`;
  return `${write(band.mean, digits)}${unit} (${end})`;
}
