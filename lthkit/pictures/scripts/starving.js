// Layers starve: a row of bars for each criterion, a bar for each layer, as the density falls.

function picture(lp, data) {
  const total = data.weights.reduce((a, b) => a + b, 0), last = data.exponents.length - 1;
  const one_in = n => (n < 9.95 ? n.toFixed(1) : thousands(Math.round(n)));
  const seed = lp.choice("seed", { legend: "Seed", options: data.seeds.map(v => [v, String(v)]), value: data.seeds[0] });
  const level = lp.range("density", { label: "Weights kept", min: 0, max: last, value: 7, wide: true, text: i => `${percent(10 ** -data.exponents[i])} %, one in ${one_in(10 ** data.exponents[i])}` });
  lp.button("On to the next that is cut", () => {
    const at = level.value, there = cut(at).length;
    let i = at;
    while (i < last && cut(i).length <= there) i++;
    level.value = i;
    lp.redraw();
  });
  const mask = (arm, i) => ({ kept: arm.seeds[seed.value].kept[i], connected: arm.seeds[seed.value].connected[i] });
  const sum = counts => counts.reduce((a, b) => a + b, 0);
  const cut = i => data.arms.filter(arm => !sum(mask(arm, i).connected));
  const empty = (arm, i) => mask(arm, i).kept.filter(n => n === 0).length;

  lp.draw(width => {
    lp.clear();
    const narrow = width < 520, label = narrow ? 0 : 126, row = narrow ? 76 : 62, top = 4;
    const svg = lp.canvas(top + row * data.arms.length + 22, "For each criterion a bar for each layer, on a logarithmic scale; what is said above is the same in words.");
    const most = Math.log(1 + Math.max(...data.weights)), step = (width - label - 4) / data.weights.length;
    data.arms.forEach((arm, r) => {
      const { kept, connected } = mask(arm, level.value), floor = top + row * (r + 1) - 8, high = row - (narrow ? 30 : 16);
      const look = lp.look(String(r)), dead = !sum(connected);
      const status = dead ? "cut: no path is left" : `thinnest layer: ${thousands(Math.min(...connected))}`;
      const where = narrow ? floor - high - 8 : floor - high / 2;
      svg.append(s("text", { x: 0, y: where - (narrow ? 0 : 3), "font-weight": 600 }, arm.name),
        s("text", { x: narrow ? width : 0, "text-anchor": narrow ? "end" : "start", y: where + (narrow ? 0 : 14), style: dead ? "fill: var(--wrong)" : "fill: var(--quiet)" }, status));
      data.weights.forEach((whole, i) => {
        const x = label + i * step + 1, height = n => high * Math.log(1 + n) / most, bar = (n, extra) => s("rect", { x, width: step - 3, y: floor - height(n), height: height(n), ...extra });
        svg.append(bar(whole, { fill: "none", stroke: "var(--pale)" }));
        svg.append(bar(kept[i], { fill: look.color, opacity: 0.3, class: "lp-kept" }), bar(connected[i], { fill: look.color, class: "lp-connected" }));
        if (!kept[i]) svg.append(s("path", { d: `M${x + step / 2 - 5} ${floor - 9}l7 7m0 -7l-7 7`, stroke: "var(--wrong)", "stroke-width": 2 }));
      });
      svg.append(s("path", { d: `M${label} ${floor}H${width}`, class: "lp-tick" }));
    });
    const under = top + row * data.arms.length + 14;
    svg.append(s("text", { x: label, y: under, class: "lp-small" }, "first layer"), s("text", { x: width - 2, y: under, "text-anchor": "end", class: "lp-small" }, "last layer; × is empty"));
    lp.legends([]);
    lp.say(words());
  });

  function words() {
    const i = level.value, dead = cut(i), alive = data.arms.filter(arm => !dead.includes(arm));
    const layers = n => (n === 0 ? "no layer empty" : n === 1 ? "1 layer empty" : `${n} layers empty`);
    const lines = [`${percent(10 ** -data.exponents[i])} % of ${thousands(total)} weights, seed ${seed.value}.`];
    lines.push(dead.length ? `Cut: ${dead.map(arm => `${arm.name} (${layers(empty(arm, i))})`).join("; ")}.` : "No network is cut.");
    if (alive.length) lines.push(`A path is left: ${alive.map(arm => `${arm.name} (${thousands(Math.min(...mask(arm, i).connected))} in the thinnest layer)`).join("; ")}.`);
    return lines.join("\n");
  }
}
