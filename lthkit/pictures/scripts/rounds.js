// The rounds: accuracy against the weights that remain, for the ticket and what it is held against. First the reader draws a line.

function picture(lp, data) {
  const arms = ["ticket", "re-initialised", "shuffled", "one-shot"], mayDraw = ["ticket", "re-initialised"];
  const named = arm => (arm === "ticket" ? "ticket" : "re-initialised control");
  const set = lp.choice("data", { legend: "Data", options: Object.entries(data.sets).map(([k, v]) => [k, v.label]), value: "fashion-mnist-full", change: () => { refill(); turn(false); } });
  const drawn = lp.group("");
  const whose = lp.choice("draw", { legend: "I draw the line of the", options: mayDraw.map(arm => [arm, named(arm)]), value: "ticket", parent: drawn, change: () => { refill(); lp.redraw(); } });
  const show = lp.button("Show the measurement", () => turn(true));
  function turn(over) {
    if (over) seen[set.value] = !seen[set.value];
    lp.keep("shown", seen[set.value] ? "1" : "0");
    lp.redraw();
  }
  const seen = { [set.value]: lp.asked("shown", "0") === "1" };  // by data set: another one is another question
  const round = lp.range("round", { label: "Round", min: 0, max: data.rounds.length - 1, value: 15, wide: true, text: r => `${r}: ${percent(data.rounds[r].density)} % of the weights` });
  const group = lp.group("Compare with");
  const on = Object.fromEntries(arms.slice(1).map(arm => [arm, lp.check(arm, { label: arm, value: arm !== "one-shot", parent: group })]));
  const handles = h("div", { class: "lp-grid-of-ranges", role: "group", "aria-label": "Your line: test accuracy in %, at each share of the weights" });
  lp.below.append(handles);

  // A prediction: for each data set and arm that may be drawn a number a place, and null where the reader drew nothing.
  const current = () => data.sets[set.value];
  const key = (name, arm, i) => `${name}-${arm}-${data.places[i]}`;
  const predictions = Object.fromEntries(Object.keys(data.sets).map(name => [name, Object.fromEntries(mayDraw.map(arm => [arm, data.places.map((_, i) => {
    const asked = parseFloat(lp.asked(key(name, arm, i), "")), [low, high] = reach(data.sets[name]);
    return asked >= low && asked <= high ? asked : null;  // what nobody can draw was not drawn
  })]))]));
  const mine = arm => predictions[set.value][arm];
  const touched = arm => mine(arm).some(v => v !== null);
  function place(i, value) { mine(whose.value)[i] = value; lp.keep(key(set.value, whose.value, i), value); }
  const sliders = data.places.map((r, i) => lp.range(null, {
    label: `${percent(data.rounds[r].density)}\u00a0%`, min: 0, max: 100, step: 0.1, value: 0, parent: handles,
    text: v => (mine(whose.value)[i] === null ? "–" : fixed(v, 1)),
    spoken: v => (mine(whose.value)[i] === null ? "nothing drawn" : fixed(v, 1)),
    change: v => { place(i, v); sliders[i].tell(); lp.redraw(); },
  }));
  function refill() {
    const [low, high] = reach(current());
    sliders.forEach((slider, i) => {
      const value = mine(whose.value)[i];
      slider.input.min = low; slider.input.max = high;
      slider.input.value = value === null ? current().dense.mean : value; slider.tell();
    });
  }
  // The axis stays as it is when one-shot comes, whose line leaves it.
  function reach(own) {
    const values = arms.filter(arm => arm !== "one-shot").flatMap(arm => Object.values(own.arms[arm]).flatMap(band => band.values));
    return [Math.floor(Math.min(...values) - 0.5), Math.ceil(Math.max(...values) + 0.5)];
  }
  refill();

  function box(width) { return { left: 42, right: width - 12, top: 26, bottom: Math.max(230, Math.min(340, width * 0.55)) }; }

  lp.draw(width => {
    lp.clear();
    const own = current(), at = box(width), [low, high] = reach(own), shown = Boolean(seen[set.value]);
    const svg = lp.canvas(at.bottom + 46, `Test accuracy against weights remaining, ${own.label}. ${shown ? "The numbers stand above." : "Nothing is shown but the dense network and your line."}`);
    const step = high - low > 16 ? 5 : high - low > 8 ? 2 : 1;
    const ticks = [];
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) ticks.push(v);
    const sparse = width < 480 ? [100, 50, 20, 10, 5, 2.5, 1.2] : [100, 70, 50, 35, 20, 10, 5, 3, 2, 1.2];
    const { x, y } = axes(svg, at, { from: 108, to: 1.1, log: true, ticks: sparse, label: "weights remaining (%), logarithmic" },
      { from: low, to: high, ticks, label: "test accuracy (%)" });
    const place_of = r => x(100 * data.rounds[r].density);
    const dense = lp.look("dense");
    svg.append(path([[at.left, y(own.dense.mean)], [at.right, y(own.dense.mean)]], dense));
    if (shown) {
      svg.append(s("line", { x1: place_of(round.value), x2: place_of(round.value), y1: at.top, y2: at.bottom, stroke: "var(--quiet)", class: "lp-cursor" }));
      svg.append(s("clipPath", { id: "lp-rounds-inside" }, s("rect", { x: at.left, y: at.top - 4, width: at.right - at.left + 8, height: at.bottom - at.top + 4 })));
      const inside = s("g", { "clip-path": "url(#lp-rounds-inside)" });
      svg.append(inside);
      for (const arm of arms) {
        if (arm !== "ticket" && !on[arm].value) continue;
        const look = lp.look(arm), bands = own.arms[arm], levels = Object.keys(bands).map(Number).sort((a, b) => a - b);
        bands[levels[0]].values.forEach((_, k) => inside.append(path(levels.map(r => [place_of(r), y(bands[r].values[k])]), look, { "stroke-width": 0.6, opacity: 0.8 })));
        const edge = levels.filter(r => bands[r].shown);
        const area = edge.map(r => [place_of(r), y(bands[r].high)]).concat(edge.map(r => [place_of(r), y(bands[r].low)]).reverse());
        if (edge.length > 1) inside.append(s("polygon", { points: area.map(p => p.map(v => v.toFixed(1)).join(",")).join(" "), fill: look.color, opacity: 0.15 }));
        inside.append(path(levels.map(r => [place_of(r), y(bands[r].mean)]), look));
        for (const r of levels) inside.append(r === round.value ? measured(look, place_of(r), y, bands[r]) : mark(look, place_of(r), y(bands[r].mean), 3));
      }
      const below = on["one-shot"].value ? Object.entries(own.arms["one-shot"]).filter(([, band]) => band.mean < low) : [];
      below.forEach(([r, band], i) => svg.append(  // where it is, for who looks at the line that has left
        s("text", { x: Math.min(place_of(Number(r)), at.right - 2), y: at.bottom - 6 - 15 * (below.length - 1 - i), "text-anchor": "end", class: "lp-small" }, `↓ ${fixed(band.mean, 0)}`)));
    }
    for (const arm of mayDraw) {
      if (!touched(arm) && (shown || arm !== whose.value)) continue;
      const look = line(arm), places = data.places.map((r, i) => [place_of(r), mine(arm)[i]]).filter(([, v]) => v !== null);
      svg.append(path([[x(100), y(own.dense.mean)], ...places.map(([a, v]) => [a, y(v)])], look));
      for (const [a, v] of places) svg.append(mark(look, a, y(v), 6, { fill: look.fill, "stroke-width": 2 }));
    }
    if (!shown) {
      // Where nothing is drawn yet, an empty place waits on the dense line.
      data.places.forEach((r, i) => { if (mine(whose.value)[i] === null) svg.append(s("circle", { cx: place_of(r), cy: y(own.dense.mean), r: 5, fill: "var(--paper)", stroke: "var(--quiet)", "stroke-dasharray": "2 2" })); });
      follow(svg, at, width, place_of, low, high);
    }
    show.textContent = shown ? "Hide it again" : "Show the measurement";
    handles.hidden = drawn.hidden = lp.figure.querySelector(".lp-lead").hidden = shown;
    round.row.hidden = group.hidden = !shown;
    const entries = shown ? arms.filter(arm => arm === "ticket" || on[arm].value) : [];
    const yours = mayDraw.filter(arm => touched(arm) || !shown && arm === whose.value);
    lp.legends([...entries.map(arm => [arm, arm]), ["dense", "dense (mean)"], ...yours.map(arm => [line(arm), `your line for the ${named(arm)}`])]);
    lp.say(shown ? words(own) : `What will the ${named(whose.value)} reach? Draw it: drag in the picture, or move the sliders below it. Then show the measurement.`);
    lp.table(...(shown ? measurements(own) : [[], []]));
  });

  function line(arm) { return { color: lp.look(arm).color, marker: "D", dash: "2 5", fill: "var(--paper)" }; }

  // By pointer: the nearest place follows. A finger sets a place with a tap, so that it can still scroll the page.
  function follow(svg, at, width, place_of, low, high) {
    svg.style.cursor = "crosshair";
    const set_at = event => {
      const frame = svg.getBoundingClientRect(), a = (event.clientX - frame.left) * width / frame.width;
      const b = (event.clientY - frame.top) * (at.bottom + 46) / frame.height;
      let i = 0;
      data.places.forEach((r, k) => { if (Math.abs(place_of(r) - a) < Math.abs(place_of(data.places[i]) - a)) i = k; });
      const value = low + (high - low) * (at.bottom - b) / (at.bottom - at.top);
      sliders[i].value = Math.min(high, Math.max(low, Math.round(10 * value) / 10));
      place(i, sliders[i].value);
      sliders[i].tell();
      lp.redraw();
    };
    svg.addEventListener("pointerdown", event => { if (event.pointerType !== "touch") set_at(event); });
    svg.addEventListener("pointermove", event => { if (event.pointerType !== "touch" && event.buttons) set_at(event); });
    svg.addEventListener("click", event => { if (event.pointerType === "touch") set_at(event); });
  }

  // Which differences exclude 0, and to which side; one without an interval is in none of the lists.
  function words(own) {
    const r = round.value, left = `${percent(data.rounds[r].density)} % of the weights (${thousands(data.rounds[r].kept)} of ${thousands(data.total)})`;
    if (r === 0) return `Round 0: nothing is removed yet, and the ticket is the dense network. It reaches ${fixed(own.dense.mean, 2)} %.`;
    const against = ["dense", ...arms.slice(1).filter(arm => on[arm].value)].filter(arm => own.gaps[r][arm] && own.gaps[r][arm].shown);
    const where = side => against.filter(arm => side === (own.gaps[r][arm].low > 0 ? 1 : own.gaps[r][arm].high < 0 ? -1 : 0));
    const all = found => found.join(", ").replace(/, ([^,]*)$/, " and $1");
    const says = [`Round ${r}: ${left}.`];
    if (where(1).length) says.push(`The ticket is above ${all(where(1))}, with the whole interval.`);
    if (where(-1).length) says.push(`The ticket is below ${all(where(-1))}, with the whole interval.`);
    if (where(0).length) says.push(`Against ${all(where(0))} the interval has 0 inside: the ticket may be better or worse.`);
    return says.join(" ");
  }

  function measurements(own) {
    const r = round.value, i = data.places.indexOf(r), drew = mayDraw.some(touched) && r > 0;
    const head = ["", "accuracy, %", ...(r ? ["ticket minus this, points"] : []), ...(drew ? ["you drew"] : [])];
    const rows = [...(r ? ["ticket"] : []), "dense", ...arms.slice(1).filter(arm => r && on[arm].value)].map(arm => {
      const found = arm === "dense" ? own.dense : own.arms[arm][r], gap = r && own.gaps[r][arm];
      const yours = !mayDraw.includes(arm) ? "" : i < 0 || mine(arm)[i] === null ? "nothing" : missed(mine(arm)[i], found.mean);
      return [arm, found ? cell(found) : "not trained here", ...(r ? [gap ? cell(gap, signed) : ""] : []), ...(drew ? [yours] : [])];
    });
    return [head, rows];
  }

  function missed(drew, mean) {
    const off = fixed(Math.abs(drew - mean), 1);
    return [h("span", {}, fixed(drew, 1)), h("span", {}, off === "0.0" ? ", right" : drew > mean ? `, ${off} too high` : `, ${off} too low`)];
  }

  // A third digit where with two an end would be 0 and is not.
  function cell(band, write = fixed) {
    const close = band.shown && [band.low, band.high].some(v => v !== 0 && Number(v.toFixed(2)) === 0);
    const [mean, rest] = told(band, close ? 3 : 2, "", write).split(/ (.*)/);
    return [h("span", {}, mean), " ", h("span", {}, rest)];
  }
}
