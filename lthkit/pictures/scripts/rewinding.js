// Rewinding: a time line says where weights and learning rate come from; below, what that comes to, and the path between twins.

function picture(lp, data) {
  const chosen = lp.choice("net", { legend: "Network", options: Object.entries(data.cases).map(([k, v]) => [k, v.label]), value: "14" });
  const from = lp.choice("from", { legend: "Weights from", options: [["own", "its own network"], ["foreign", "another seed's network"], ["fresh", "new random numbers"]], value: "own" });
  const step = lp.range("k", { label: "Step", min: 0, max: data.steps.length - 1, value: 0, wide: true, text: i => `${data.steps[i]} of ${thousands(data.all)}` });

  const k = () => data.steps[step.value];
  const arm = own => (from.value === "fresh" ? own.fresh : own[from.value][k()]);
  const looks = { own: "ticket", foreign: "3", fresh: "re-initialised" };

  lp.draw(width => {
    lp.clear();
    const own = data.cases[chosen.value];
    step.row.hidden = from.value === "fresh";
    timeline(own, width);
    const half = width >= 600 ? Math.floor(width / 2) - 6 : width;
    reached(own, half);
    between(own, half);
    lp.stage.style.display = "flex";
    lp.stage.style.flexWrap = "wrap";
    lp.stage.style.justifyContent = "space-between";
    lp.legends([]);
    lp.say(words(own));
  });

  function timeline(own, width) {
    const fresh = from.value === "fresh", begin = fresh ? 0 : k(), look = lp.look(looks[from.value]);
    const svg = lp.canvas(232, `Time line of ${thousands(data.all)} steps: the dense network above, ${from.value === "foreign" ? "another seed's network below it, " : ""}the ticket below, from step ${begin} on, and the learning rate, of which the ticket has what comes after that step.`);
    const left = 12, right = width - 14, x = v => left + (right - left) * v / data.all;
    const bar = (y, a, b, color, extra) => svg.append(s("rect", { x: x(a), y, width: Math.max(1, x(b) - x(a)), height: 12, rx: 3, fill: color, ...extra }));
    const text = (y, words, at = left, anchor = "start") => svg.append(s("text", { x: at, y, "text-anchor": anchor }, words));
    const gives = width < 400 ? ["dense network: mask ■", ", weights ◆"] : ["dense network: gives the mask ■", " and the weights ◆"];
    text(14, gives[0] + (from.value === "own" ? gives[1] : ""));
    bar(20, 0, data.all, "var(--dense)");
    svg.append(mark({ color: "var(--ink)", marker: "s" }, right, 26, 5, { stroke: "var(--paper)" }));
    const ticket = 104;
    if (from.value === "foreign") {
      text(50, `another seed's network: ${width < 400 ? "" : "gives the "}weights ◆`);
      bar(56, 0, data.all, look.color, { opacity: 0.6 });
    }
    if (!fresh) {
      const y = from.value === "own" ? 26 : 62, at = Math.max(x(begin), left + 4);
      svg.append(mark({ color: look.color, marker: "D" }, at, y, 6, { stroke: "var(--paper)" }),
        s("path", { d: `M${at} ${y + 8}V${ticket - 8}m-4 -6l4 6l4 -6`, stroke: look.color, "stroke-width": 2, fill: "none" }));
    }
    text(ticket - 5, fresh ? "new random numbers" : `weights of step ${begin}`, Math.min(x(begin) + 14, right - 130));
    bar(ticket, begin, data.all, look.color);
    text(ticket + 26, `the ticket trains ${thousands(data.all - begin)} steps`, Math.min(x(begin), right - 170));
    // The learning rate: what the ticket takes of it is thick.
    const top = 152, bottom = 208, most = Math.max(...own.lr), y = v => bottom - (bottom - top) * v / most;
    const points = own.lr.map((v, i) => [x(data.all * i / (own.lr.length - 1)), y(v)]);
    svg.append(path(points, lp.look("dense"), { "stroke-width": 1.2 }));
    const rate = fresh ? own.lr[0] : own.rates[begin];
    const taken = points.filter(([a]) => a > x(begin));
    if (rate !== undefined) taken.unshift([x(begin), y(rate)]);
    svg.append(path(taken, { color: look.color }, { "stroke-width": 4 }));
    svg.append(s("path", { d: `M${left} ${bottom}H${right}`, class: "lp-tick" }));
    text(226, "learning rate; the thick part is the ticket's");
  }

  function reached(own, width) {
    const svg = lp.canvas(250, "Accuracy of the ticket minus that of the dense network, by step.");
    svg.setAttribute("width", width); svg.setAttribute("viewBox", `0 0 ${width} 250`);
    const bands = [...Object.values(own.own), ...Object.values(own.foreign), own.fresh].map(a => a.gap);
    const low = Math.floor(Math.min(...bands.flatMap(b => b.values)) - 0.2), high = Math.ceil(Math.max(0.5, ...bands.flatMap(b => b.values)));
    const ticks = [];
    for (let v = low; v <= high; v++) ticks.push(v);
    const text = i => (i < data.steps.length ? String(data.steps[i]) : "new");
    const here = from.value === "fresh" ? data.steps.length : step.value, shade = s("rect", { y: 28, height: 172, fill: "var(--field)" });
    svg.append(shade);
    const { x, y } = axes(svg, { left: 40, right: width - 8, top: 28, bottom: 200 }, { from: -0.6, to: data.steps.length + 0.5, ticks: [...data.steps.keys(), data.steps.length], text, label: "weights from step" },
      { from: low, to: high, ticks, text: v => signed(v, 0), label: "minus dense (points)" });
    shade.setAttribute("x", x(here - 0.45));
    shade.setAttribute("width", x(0.9) - x(0));
    svg.append(s("line", { x1: 40, x2: width - 8, y1: y(0), y2: y(0), class: "lp-tick" }));
    const put = (i, band, name, shift) => svg.append(measured(lp.look(looks[name]), x(i + shift), y, band));
    data.steps.forEach((one, i) => {
      if (own.own[one]) put(i, own.own[one].gap, "own", own.foreign[one] ? -0.17 : 0);
      if (own.foreign[one]) put(i, own.foreign[one].gap, "foreign", 0.2);
    });
    put(data.steps.length, own.fresh.gap, "fresh", 0);
  }

  function between(own, width) {
    const found = from.value === "own" ? own.paths[k()] : null;
    const svg = lp.canvas(250, found ? "Error on the straight line between two networks that had the same start." : "No path was recorded here.");
    svg.setAttribute("width", width); svg.setAttribute("viewBox", `0 0 ${width} 250`);
    const top = Math.max(...Object.values(own.paths).flatMap(p => p.errors.flat())), high = Math.ceil(top / 10) * 10;
    const ticks = [];
    for (let v = 0; v <= high; v += high > 40 ? 20 : 10) ticks.push(v);
    const { x, y } = axes(svg, { left: 40, right: width - 20, top: 28, bottom: 200 }, { from: 0, to: 1, ticks: data.alphas, text: v => (v === 0 ? "one" : v === 1 ? "twin" : v === 0.5 ? "half-way" : ""), label: "on the line between two children" },
      { from: 0, to: high, ticks, label: "error (%)" });
    if (!found) { svg.append(s("text", { x: width / 2, y: 110, "text-anchor": "middle", class: "lp-small" }, "no path was recorded here")); return; }
    const look = lp.look("ticket");
    for (const errors of found.errors) svg.append(path(errors.map((v, i) => [x(data.alphas[i]), y(v)]), look, { "stroke-width": 0.8 }));
    const means = data.alphas.map((_, i) => found.errors.reduce((sum, e) => sum + e[i], 0) / found.errors.length);
    svg.append(path(means.map((v, i) => [x(data.alphas[i]), y(v)]), look, { "stroke-width": 3 }));
    means.forEach((v, i) => svg.append(mark(look, x(data.alphas[i]), y(v), 4)));
  }

  function words(own) {
    const found = arm(own), lines = [], fresh = from.value === "fresh";
    if (!found) {
      const there = Object.keys(own[from.value]);
      return `Step ${k()} was not recorded here. ${there.length ? `Recorded are the steps ${there.join(", ")}.` : "No weights of another seed were tried."}`;
    }
    const where = fresh ? "New random numbers" : from.value === "own" ? `Weights of step ${k()}` : `Weights of step ${k()} of another seed`;
    const rate = fresh ? "all of the learning rate's schedule" : `the learning rate from ${fixed(own.rates[k()], 4)} on`;
    lines.push(`${where}, ${rate}: ${told(found.accuracy, 2, " %")}, dense ${told(own.dense.accuracy, 2, " %")}.`);
    lines.push(`Minus dense: ${told(found.gap, 2, "", signed)} points.`);
    const path_ = from.value === "own" ? own.paths[k()] : null;
    if (path_) lines.push(`Between two children of this start the error rises by ${told(path_.barrier, 1, "")} points.`);
    return lines.join("\n");
  }
}
