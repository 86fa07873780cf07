// The rounds: accuracy against the weights that remain, for the ticket and what it is held against. First the reader draws a line.

function picture(lp, data) {
  const arms = ["ticket", "re-initialised", "shuffled", "one-shot"];
  const set = lp.choice("data", { legend: "Data", options: Object.entries(data.sets).map(([k, v]) => [k, v.label]), value: "fashion-mnist-full", change: () => { forget(); lp.redraw(); } });
  const round = lp.range("round", { label: "Round", min: 0, max: data.rounds.length - 1, value: 15, wide: true, text: r => `${r}: ${percent(data.rounds[r].density)} % of the weights` });
  const group = lp.group("Beside the ticket");
  const on = Object.fromEntries(arms.slice(1).map(arm => [arm, lp.check(arm, { label: arm, value: arm !== "one-shot", parent: group })]));
  const drawn = lp.group("");
  const whose = lp.choice("draw", { legend: "I draw the line of the", options: [["ticket", "ticket"], ["re-initialised", "re-initialised control"]], value: "ticket", parent: drawn, change: () => { refill(); lp.redraw(); } });
  const handles = h("div", { class: "lp-grid-of-ranges" });
  lp.below.append(handles);
  const show = lp.button("Show the measurement", () => { shown = !shown; lp.keep("shown", shown ? "1" : "0"); lp.redraw(); });
  let shown = lp.asked("shown", "0") === "1";

  // A prediction: for each arm that may be drawn a number a place, all on the dense mean until the reader moves them.
  let mine = {}, touched = {};
  const current = () => data.sets[set.value];
  function forget() {
    for (const arm of ["ticket", "re-initialised"]) { mine[arm] = data.places.map(() => current().dense.mean); touched[arm] = false; }
    if (sliders.length) refill();
  }
  const sliders = [];
  forget();
  data.places.forEach((r, i) => sliders.push(lp.range(`at${r}`, {
    label: `${percent(data.rounds[r].density)} %`, min: 0, max: 100, step: 0.1, value: mine.ticket[i], parent: handles,
    text: v => fixed(v, 1), change: v => { place(i, v); lp.redraw(); },
  })));
  function place(i, value) { mine[whose.value][i] = value; touched[whose.value] = true; }
  function refill() {
    const [low, high] = reach();
    sliders.forEach((slider, i) => {
      slider.input.min = low; slider.input.max = high;
      slider.input.value = mine[whose.value][i]; slider.tell();
    });
  }
  function reach() {
    const own = current(), values = arms.filter(arm => arm !== "one-shot" || on[arm].value && shown)
      .flatMap(arm => Object.values(own.arms[arm]).flatMap(band => band.values));
    return [Math.floor(Math.min(...values) - 0.5), Math.ceil(Math.max(...values) + 0.5)];
  }
  if (data.places.some(r => lp.asked(`at${r}`, null) !== null)) {  // the address has a prediction
    data.places.forEach((r, i) => { mine[whose.value][i] = Number(lp.asked(`at${r}`, mine.ticket[i])) || mine.ticket[i]; });
    touched[whose.value] = true;
  }
  refill();

  function box(width) { return { left: 42, right: width - 12, top: 26, bottom: Math.max(230, Math.min(340, width * 0.55)) }; }

  lp.draw(width => {
    lp.clear();
    const own = current(), at = box(width), [low, high] = reach();
    const svg = lp.canvas(at.bottom + 46, `Test accuracy against weights remaining, ${own.label}. ${shown ? "The numbers stand above." : "Nothing is shown but the dense network and your line."}`);
    const step = high - low > 40 ? 20 : high - low > 16 ? 5 : high - low > 8 ? 2 : 1;
    const ticks = [];
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) ticks.push(v);
    const sparse = width < 480 ? [100, 50, 20, 10, 5, 2] : [100, 70, 50, 35, 20, 10, 5, 3, 2, 1.2];
    const { x, y } = axes(svg, at, { from: 108, to: 1.1, log: true, ticks: sparse, label: "weights remaining (%), logarithmic" },
      { from: low, to: high, ticks, label: "test accuracy (%)" });
    const place_of = r => x(100 * data.rounds[r].density);
    const dense = lp.look("dense");
    svg.append(path([[at.left, y(own.dense.mean)], [at.right, y(own.dense.mean)]], dense));
    if (shown) {
      svg.append(s("line", { x1: place_of(round.value), x2: place_of(round.value), y1: at.top, y2: at.bottom, stroke: "var(--quiet)", class: "lp-cursor" }));
      for (const arm of arms) {
        if (arm !== "ticket" && !on[arm].value) continue;
        const look = lp.look(arm), bands = own.arms[arm], levels = Object.keys(bands).map(Number).sort((a, b) => a - b);
        bands[levels[0]].values.forEach((_, k) => svg.append(path(levels.map(r => [place_of(r), y(bands[r].values[k])]), look, { "stroke-width": 0.6, opacity: 0.8 })));
        const edge = levels.filter(r => bands[r].shown);
        const area = edge.map(r => [place_of(r), y(Math.min(high, bands[r].high))]).concat(edge.map(r => [place_of(r), y(Math.max(low, bands[r].low))]).reverse());
        if (edge.length > 1) svg.append(s("polygon", { points: area.map(p => p.map(v => v.toFixed(1)).join(",")).join(" "), fill: look.color, opacity: 0.15 }));
        svg.append(path(levels.map(r => [place_of(r), y(bands[r].mean)]), look));
        for (const r of levels) svg.append(r === round.value ? measured(look, place_of(r), y, bands[r]) : mark(look, place_of(r), y(bands[r].mean), 3));
      }
    }
    for (const arm of ["ticket", "re-initialised"]) {
      if (!touched[arm] && (shown || arm !== whose.value)) continue;
      const look = { color: lp.look(arm).color, marker: "D", dash: "2 5" };
      const points = data.places.map((r, i) => [place_of(r), y(mine[arm][i])]);
      svg.append(path([[x(100), y(own.dense.mean)], ...points], look));
      for (const [a, b] of points) svg.append(mark(look, a, b, 6, { fill: "var(--paper)", "stroke-width": 2 }));
    }
    if (!shown) {  // by pointer: the nearest place follows
      svg.style.cursor = "crosshair";
      svg.style.touchAction = "none";
      const move = event => {
        if (event.type === "pointermove" && !event.buttons) return;
        const frame = svg.getBoundingClientRect(), a = (event.clientX - frame.left) * width / frame.width;
        const b = (event.clientY - frame.top) * (at.bottom + 46) / frame.height;
        let i = 0;
        data.places.forEach((r, k) => { if (Math.abs(place_of(r) - a) < Math.abs(place_of(data.places[i]) - a)) i = k; });
        const value = low + (high - low) * (at.bottom - b) / (at.bottom - at.top);
        sliders[i].value = Math.min(high, Math.max(low, Math.round(10 * value) / 10));
        place(i, sliders[i].value);
        lp.redraw();
      };
      svg.addEventListener("pointerdown", move);
      svg.addEventListener("pointermove", move);
    }
    show.textContent = shown ? "Hide it again" : "Show the measurement";
    handles.hidden = drawn.hidden = shown;
    round.row.hidden = group.hidden = !shown;
    const entries = shown ? arms.filter(arm => arm === "ticket" || on[arm].value) : [];
    lp.legends([...entries.map(arm => [arm, arm]), ["dense", "dense (mean)"]]);
    lp.say(shown ? words(own) : `What will the ${whose.value === "ticket" ? "ticket" : "re-initialised control"} reach? Draw it: drag in the picture, or move the sliders below it. Then show the measurement.`);
  });

  function words(own) {
    const r = round.value, parts = [];
    const say = (name, band) => parts.push(`${name} ${told(band, 2, " %")}`);
    if (r === 0) say("the dense network has", own.dense);
    else say("the ticket has", own.arms.ticket[r]);
    if (r) say("dense", own.dense);
    for (const arm of arms.slice(1)) if (on[arm].value && own.arms[arm][r]) say(arm, own.arms[arm][r]);
    const lines = [`Round ${r}, ${percent(data.rounds[r].density)} % of the weights (${thousands(data.rounds[r].kept)} of ${thousands(data.total)}): ${parts.join("; ")}.`];
    const gaps = Object.entries(own.gaps[r] || {}).filter(([arm]) => arm === "dense" || on[arm].value);
    if (gaps.length) lines.push(`Ticket minus ${gaps.map(([arm, band]) => `${arm} ${told(band, 2, "", signed)}`).join(", minus ")} points.`);
    const lacking = arms.slice(1).filter(arm => on[arm].value && !own.arms[arm][r]);
    if (r && lacking.length) lines.push(`Not trained in this round: ${lacking.join(", ")}.`);
    const i = data.places.indexOf(r);
    for (const arm of ["ticket", "re-initialised"]) if (i >= 0 && touched[arm]) lines.push(`You drew ${fixed(mine[arm][i], 1)} for the ${arm === "ticket" ? "ticket" : "re-initialised control"}.`);
    return lines.join("\n");
  }
}
