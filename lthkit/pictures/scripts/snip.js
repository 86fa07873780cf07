// What SNIP looks at: the first layer's masks of two draws of images, side by side, and the share that any two draws have in common.

function picture(lp, data) {
  const side = 28, size = side * side, maps = bytes(data.maps, true);
  const classes = [["all", "all classes"], ...data.classes.map((label, i) => [String(i), label])];
  const chosen = lp.choice("class", { legend: "Images of", options: classes, value: "1" });
  const inputs = lp.choice("inputs", { legend: "Pixels", options: [["raw", "0 to 1"], ["normalised", "normalised"]], value: "raw" });
  const number = lp.range("images", { label: "Images in a draw", min: 0, max: data.images.length - 1, value: 2, wide: true, text: i => String(data.images[i]) });
  const name = (which, i) => `${inputs.value}-${which}-${data.images[i]}`;
  const map = draw => { const at = (2 * data.names.indexOf(name(chosen.value, number.value)) + draw) * size; return [...maps.subarray(at, at + size)]; };

  lp.draw(width => {
    lp.clear();
    lp.stage.style.display = "flex";
    lp.stage.style.flexWrap = "wrap";
    lp.stage.style.gap = "4px 14px";
    const two = [map(0), map(1)], most = Math.max(...two.flat()), shown = Math.min(168, Math.floor((width - 16) / 2));
    two.forEach((counts, i) => {
      const box = h("div", {}, h("div", {}, `draw ${i + 1}`), heat(counts, side, shown, most, `Draw ${i + 1}: kept connections of each pixel, at most ${Math.max(...counts)} of 300.`, lp.figure), h("div", {}, `up to ${Math.max(...counts)} of a pixel's 300`));
      box.style.fontSize = "0.85em";
      lp.stage.append(box);
    });
    curve(width >= 620 ? width - 2 * shown - 32 : width);
    lp.legends([["ticket", "these images"], ["dense", "all classes"]]);
    lp.say(words());
  });

  function curve(width) {
    const height = 226, svg = lp.canvas(height, "Share of the kept weights that two draws both keep, by the number of images.");
    svg.setAttribute("width", width);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const box = { left: 34, right: width - 10, top: 26, bottom: 176 };
    const { x, y } = axes(svg, box, { from: -0.4, to: data.images.length - 0.6, ticks: [...data.images.keys()], text: i => String(data.images[i]), label: "images in a draw" }, { from: 0, to: 100, ticks: [0, 25, 50, 75, 100], label: "in both (%)" });
    svg.append(path([[box.left, y(100 * data.density)], [box.right, y(100 * data.density)]], { color: "var(--quiet)", dash: "2 4" }, { "stroke-width": 1 }),
      s("text", { x: box.right, y: y(100 * data.density) - 5, "text-anchor": "end", class: "lp-small" }, "by chance"));
    const line = (which, look) => {
      svg.append(path(data.images.map((_, i) => [x(i), y(data.pairs[name(which, i)].mean)]), look));
      data.images.forEach((_, i) => svg.append(mark(look, x(i), y(data.pairs[name(which, i)].mean), which === "all" && chosen.value !== "all" ? 3 : 4.5)));
    };
    if (chosen.value !== "all") line("all", lp.look("dense"));
    line(chosen.value, lp.look("ticket"));
    for (const v of data.pairs[name(chosen.value, number.value)].values) svg.append(s("circle", { cx: x(number.value) + 9, cy: y(v), r: 2, fill: "var(--ticket)" }));
    svg.append(s("rect", { x: x(number.value) - 8, y: box.top, width: 24, height: box.bottom - box.top, fill: "var(--ticket)", opacity: 0.1 }));
  }

  function words() {
    const n = data.images[number.value], own = data.pairs[name(chosen.value, number.value)], label = classes.find(([k]) => k === chosen.value)[1];
    const what = chosen.value === "all" ? `${n} image${n > 1 ? "s" : ""} of all classes` : `${n} image${n > 1 ? "s" : ""} of ${label}`;
    return `${what}, pixels ${inputs.value === "raw" ? "from 0 to 1" : "normalised"}: the two draws keep ${fixed(own.values[0], 1)} % of their weights both.\n` +
      `Mean of ten pairs ${fixed(own.mean, 1)} %, from ${fixed(Math.min(...own.values), 1)} to ${fixed(Math.max(...own.values), 1)} %; two masks at random would share ${100 * data.density} %.`;
  }
}
