// The mask painter: a threshold through the weights of each layer, the first layer's mask as a picture, and, where the page has
// the weights, what the network says of some images, computed here.

function picture(lp, data) {
  const side = 28, levels = data.layers[0].counts.length, pixels = bytes(data.pixels, true);
  const total = data.layers.reduce((sum, l) => sum + l.counts.reduce((a, b) => a + b, 0), 0);
  const scope = lp.choice("scope", { legend: "Threshold", options: [["global", "one for all layers"], ["layerwise", "one in each layer"]], value: "global" });
  const density = lp.range("density", { label: "Weights kept", min: 0, max: data.densities.length - 1, value: 16, wide: true, text: i => `${Number((100 * data.densities[i]).toPrecision(3))} %` });
  const now = () => data.scopes[scope.value][density.value];
  const network = data.weights ? live(data) : null;
  let answers = null;

  lp.draw(width => {
    lp.clear();
    lp.stage.style.display = "flex";
    lp.stage.style.flexWrap = "wrap";
    lp.stage.style.gap = "0 16px";
    const narrow = width < 560, mask = 196;
    histograms(narrow ? width : width - mask - 20);
    const box = h("div", {}, h("div", {}, "first layer: kept connections of each pixel"));
    const least = now().least[0], counts = new Array(side * side).fill(0);
    for (let level = least; level < levels; level++) for (let p = 0; p < counts.length; p++) counts[p] += pixels[level * counts.length + p];
    const most = Math.max(...counts), fewest = Math.min(...counts), kept = counts.reduce((a, b) => a + b, 0);
    box.append(heat(counts, side, mask, most, `The mask of the first layer: ${thousands(kept)} connections, at most ${most} of a pixel's 300.`, lp.figure), h("div", {}, `from ${fewest || "none"} to ${most} of a pixel's 300`));
    box.style.width = `${mask}px`;
    box.style.fontSize = "0.85em";
    lp.stage.append(box);
    if (network) { answers = network(now().least); faces(width); }
    lp.legends([]);
    lp.say(words());
  });

  function histograms(width) {
    const rows = data.layers.length, height = 80, svg = lp.canvas(rows * height + 34, "How many weights of each size there are in each layer; those right of the dashed line stay.");
    svg.setAttribute("width", width);
    svg.setAttribute("viewBox", `0 0 ${width} ${rows * height + 34}`);
    const reach = Math.max(...data.layers.map(l => { let left = 0.001 * l.counts.reduce((a, b) => a + b, 0), v = levels; while (left > 0) left -= l.counts[--v]; return v * l.step; })) * 1.05;
    const x = v => 4 + (width - 12) * Math.min(1, v / reach);
    data.layers.forEach((layer, i) => {
      const floor = (i + 1) * height - 4, tallest = Math.max(...layer.counts.slice(1)), least = now().least[i];
      layer.counts.forEach((count, v) => {
        const a = x((v - 0.5) * layer.step), b = x((v + 0.5) * layer.step), high = Math.min(1, count / tallest) * (height - 24);
        if (count && b > a) svg.append(s("rect", { x: Math.max(4, a), width: b - Math.max(4, a), y: floor - high, height: high, fill: v >= least ? "var(--ticket)" : "var(--quiet)", opacity: v >= least ? 1 : 0.35 }));
      });
      const line = x((least - 0.5) * layer.step), size = layer.counts.reduce((a, b) => a + b, 0), kept = layer.counts.slice(least).reduce((a, b) => a + b, 0);
      svg.append(s("line", { x1: 4, x2: width - 8, y1: floor, y2: floor, class: "lp-tick" }),
        s("line", { x1: line, x2: line, y1: floor - height + 20, y2: floor, stroke: "var(--wrong)", "stroke-width": 2, "stroke-dasharray": "5 3" }),
        s("text", { x: width - 8, y: floor - height + 24, "text-anchor": "end" }, `${layer.name}: ${percent(kept / size)} %, ${thousands(kept)} of ${thousands(size)}`));
    });
    for (let k = 0; k <= 4; k++) svg.append(s("text", { x: x(reach * k / 4), y: rows * height + 12, "text-anchor": k === 0 ? "start" : k === 4 ? "end" : "middle", class: "lp-small" }, (reach * k / 4).toFixed(2)));
    svg.append(s("text", { x: width / 2, y: rows * height + 27, "text-anchor": "middle", class: "lp-small" }, "size of a weight, |w|"));
    svg.style.cursor = "ew-resize";
    svg.addEventListener("pointerdown", event => {  // the step whose threshold is nearest
      const frame = svg.getBoundingClientRect(), i = Math.min(rows - 1, Math.floor((event.clientY - frame.top) / height));
      const level = reach * (event.clientX - frame.left - 4) / (width - 12) / data.layers[i].step;
      const off = data.scopes[scope.value].map(place => Math.abs(place.least[i] - level));
      density.value = off.indexOf(Math.min(...off));
      lp.redraw();
    });
  }

  // The images, in a grid; those that the network gets wrong are tinted.
  function faces(width) {
    const columns = 20, rows = Math.ceil(data.labels.length / columns), images = bytes(data.images);
    const canvas = h("canvas", { width: columns * side, height: rows * side, role: "img", "aria-label": `${data.labels.length} test images; the ones that the network gets wrong are tinted.`, style: `width:${Math.min(width, columns * side)}px` });
    const context = canvas.getContext("2d"), shown = context.createImageData(canvas.width, canvas.height);
    data.labels.forEach((label, k) => {
      const wrong = answers[k] !== label, left = (k % columns) * side, top = Math.floor(k / columns) * side;
      for (let p = 0; p < side * side; p++) {
        const at = 4 * ((top + Math.floor(p / side)) * canvas.width + left + (p % side)), v = images[k * side * side + p];
        shown.data[at] = wrong ? 150 + 0.41 * v : v;
        shown.data[at + 1] = wrong ? 40 + 0.7 * v : v;
        shown.data[at + 2] = wrong ? 0.6 * v : v;
        shown.data[at + 3] = 255;
      }
    });
    context.putImageData(shown, 0, 0);
    canvas.dataset.answers = answers.join(",");
    lp.stage.append(h("div", {}, h("div", { style: "font-size:0.85em" }, "what the network gets wrong is orange"), canvas));
  }

  function bounds(place) {
    const sizes = data.layers.map((l, i) => place.least[i] * l.step);
    if (scope.value === "global") return `those of ${fixed(Math.min(...sizes), 3)} or more`;
    return `those of ${data.layers.map((l, i) => `${fixed(sizes[i], 3)} or more in ${l.name}`).join(", ")}`;
  }
  function words() {
    const place = now(), asked = Number((100 * data.densities[density.value]).toPrecision(3));
    const lines = [`${thousands(place.kept)} of ${thousands(total)} weights stay, ${fixed(100 * place.kept / total, 1)} % (asked: ${asked} %): ${bounds(place)}.`];
    lines.push(`Of the 5,000 test images the network gets ${fixed(place.accuracy, 2)} % right (recorded).`);
    if (answers) {
      const right = answers.filter((a, k) => a === data.labels[k]).length;
      lines.push(`Computed here, of ${data.labels.length} of them: ${right} right, ${fixed(100 * right / data.labels.length, 1)} %.`);
    }
    return lines.join("\n");
  }
}

// The network: answers for all images under a mask that keeps, in each layer, magnitudes from `least` on.
function live(data) {
  const weights = data.weights.map(w => new Int8Array(bytes(w).buffer)), images = bytes(data.images);
  const widths = [784, ...data.biases.map(b => b.length)];
  return least => {
    // What stays of a unit: places and levels, in whole numbers, so that the sum over pixels is exact.
    const kept = weights.map((w, l) => data.biases[l].map((_, unit) => {
      const places = [], values = [];
      for (let i = 0; i < widths[l]; i++) {
        const v = w[unit * widths[l] + i];
        if (Math.abs(v) >= least[l] && v) { places.push(i); values.push(v); }
      }
      return { places: Int32Array.from(places), values: Int32Array.from(values), sum: values.reduce((a, b) => a + b, 0) };
    }));
    return data.labels.map((_, k) => {
      let inputs = images.subarray(784 * k, 784 * (k + 1));
      kept.forEach((units, l) => {
        const step = data.layers[l].step;
        inputs = units.map(({ places, values, sum }, unit) => {
          let z = 0;
          for (let i = 0; i < places.length; i++) z += values[i] * inputs[places[i]];
          if (l === 0) z = data.scale * z + data.shift * sum;
          z = step * z + data.biases[l][unit];
          return l < kept.length - 1 ? Math.max(0, z) : z;
        });
      });
      return inputs.indexOf(Math.max(...inputs));
    });
  };
}
