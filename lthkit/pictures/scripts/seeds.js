// How many seeds: experiments of n seeds, drawn with replacement from the recorded ones, and how often they name the wrong winner.

function picture(lp, data) {
  const most = data.t.length;
  const pair = lp.choice("pair", { legend: "Difference", options: Object.keys(data.pairs).map(k => [k, k === "nothing" ? "nothing: dense against itself" : k.replace(" - ", " minus ")]), value: "ticket - re-initialised", change: anew });
  const size = lp.range("n", { label: "Seeds of an experiment", min: 1, max: most, value: 1, text: n => `${n} seed${n > 1 ? "s" : ""}`, wide: true, change: anew });
  lp.button("Draw one experiment", () => draw(1));
  lp.button("Draw 100", () => draw(100));
  lp.button("Begin again", () => anew());

  let random, means, claims, last;
  function anew() { random = stream(1); means = []; claims = []; last = null; lp.keep("drawn", 0); lp.redraw(); }
  function experiment() {
    const values = data.pairs[pair.value].values, n = size.value;
    const places = Array.from({ length: n }, () => Math.floor(random() * values.length));
    const own = places.map(i => values[i]), mean = own.reduce((a, b) => a + b, 0) / n;
    let half = null;
    if (n > 1 && own.some(v => v !== own[0])) half = data.t[n - 1] * Math.sqrt(own.reduce((a, v) => a + (v - mean) ** 2, 0) / (n - 1) / n);
    means.push(mean);
    claims.push(half !== null && Math.abs(mean) > half ? Math.sign(mean) : 0);
    last = { places, mean, half };
  }
  function draw(count) {
    for (let i = 0; i < count; i++) experiment();
    lp.keep("drawn", means.length);
    lp.redraw();
  }
  // Who wins is known where the interval of all seeds excludes 0.
  const known = own => (own.low > 0) - (own.high < 0);
  const winner = () => known(data.pairs[pair.value]);
  const tie = m => Math.abs(m) < 1e-9, wrong = (m, side) => !tie(m) && m * side < 0;
  const share = side => means.reduce((sum, m) => sum + (tie(m) ? 0.5 : wrong(m, side) ? 1 : 0), 0);
  const counted = n => thousands(Math.floor(n)) + (n % 1 ? ".5" : "");

  lp.draw(width => {
    lp.clear();
    const own = data.pairs[pair.value], side = winner(), n = size.value;
    const left = 14, right = width - 14, reach = 1.08 * Math.max(...own.values.map(Math.abs));
    const step = reach > 1.2 ? 1 : 0.5, ticks = [];
    for (let v = -Math.floor(reach / step) * step; v <= reach; v += step) ticks.push(v);
    const middle = 112, line = 158, floor = 290;
    const svg = lp.canvas(floor + 46, "Above: the recorded differences, one dot a seed, the drawn ones filled. Middle: the drawn experiment. Below: how often each mean was drawn.");
    const { x } = axes(svg, { left, right, top: floor, bottom: floor }, { from: -reach, to: reach, ticks, text: v => signed(v, step < 1 ? 1 : 0), label: "points of test accuracy" }, { from: 0, to: 1 });
    svg.append(s("line", { x1: x(0), x2: x(0), y1: 12, y2: floor, class: "lp-tick" }));
    const { one, other } = own, ahead = width < 420 ? "" : " ahead";
    svg.append(s("text", { x: x(0) + 8, y: 20, class: "lp-small" }, `${one}${ahead} →`), s("text", { x: x(0) - 8, y: 20, "text-anchor": "end", class: "lp-small" }, `← ${other}${ahead}`));
    const wrongSide = v => wrong(v, side);
    // One dot a seed, piled where they are close.
    const width_of = 9, piles = {};
    own.values.forEach((v, i) => {
      const bin = Math.round(x(v) / width_of), high = (piles[bin] = (piles[bin] || 0) + 1);
      const times = last ? last.places.filter(p => p === i).length : 0;
      svg.append(s("circle", { cx: bin * width_of, cy: middle - 9 * high, r: times ? 4.5 : 3.2, fill: times ? `var(--${wrongSide(v) ? "wrong" : "ticket"})` : "var(--pale)", stroke: "var(--quiet)", "stroke-width": times > 1 ? 2 : 1 }));
    });
    svg.append(s("text", { x: left, y: middle + 14, class: "lp-small" }, `all ${own.values.length} seeds`), s("path", { d: `M${left} ${middle}H${right}`, class: "lp-grid" }));
    // The drawn experiment.
    if (last) {
      const color = `var(--${wrongSide(last.mean) ? "wrong" : "ticket"})`;
      if (last.half !== null) {
        // An end that the picture has room for is a bar; one that lies further out is an arrow.
        const a = x(last.mean - last.half), b = x(last.mean + last.half);
        const end = (at, edge, inwards) => ((edge - at) * inwards > 0 ? `M${edge + 6 * inwards} ${line - 5}L${edge} ${line}l${6 * inwards} 5` : `M${at} ${line - 5}v10`);
        svg.append(s("path", { d: `M${Math.max(left, a)} ${line}H${Math.min(right, b)}${end(a, left, 1)}${end(b, right, -1)}`, stroke: color, "stroke-width": 2, fill: "none", class: "lp-interval" }));
      }
      svg.append(mark({ color, marker: wrongSide(last.mean) ? "^" : "o" }, x(last.mean), line, 6));
    }
    svg.append(s("text", { x: left, y: line + 18, class: "lp-small" }, last ? `experiment ${thousands(means.length)}` : "no experiment yet"));
    // Means of all experiments so far.
    const bins = 61, counts = new Array(bins).fill(0), wrongs = new Array(bins).fill(0), bin_of = v => Math.min(bins - 1, Math.max(0, Math.floor((v + reach) / (2 * reach) * bins)));
    for (const m of means) { counts[bin_of(m)]++; if (wrongSide(m)) wrongs[bin_of(m)]++; }
    const tallest = Math.max(4, ...counts);
    counts.forEach((count, i) => {
      if (!count) return;
      const from = -reach + 2 * reach * i / bins, a = x(from), b = x(from + 2 * reach / bins), high = n => 95 * n / tallest;
      const bar = (n, below, color) => { if (n) svg.append(s("rect", { x: a, width: Math.max(1, b - a - 1), y: floor - high(below + n), height: high(n), fill: `var(--${color})`, class: "lp-means", "data-means": n })); };
      bar(count - wrongs[i], 0, "ticket");  // the one about 0 may have both
      bar(wrongs[i], count - wrongs[i], "wrong");
    });
    lp.legends([]);
    lp.say(words(own, side, n));
  });

  function words(own, side, n) {
    const lines = [], of = `${n} seed${n > 1 ? "s" : ""}`, { one, other } = own;
    if (last) {
      const ahead = tie(last.mean) ? "neither arm" : last.mean > 0 ? one : other;
      const judged = side === 0 || ahead === "neither arm" ? "" : last.mean * side > 0 ? ", the right one" : ", the wrong one";
      const band = last.half === null ? "no interval" : `${signed(last.mean - last.half, 2)} to ${signed(last.mean + last.half, 2)}`;
      lines.push(`Experiment ${thousands(means.length)}, ${of}: ${signed(last.mean, 2)} points (${band}). Ahead is ${ahead}${judged}.`);
      if (side) {
        const times = share(side);
        lines.push(`So far the wrong arm was ahead in ${counted(times)} of ${thousands(means.length)} experiments (${percent(times / means.length)} %).`);
      }
      if (n > 1) {
        const claimed = claims.filter(c => c !== 0).length;
        lines.push(`The interval excluded 0 in ${thousands(claimed)} (${percent(claimed / means.length)} %).`);
      }
    } else lines.push(`Who wins with ${of}? Draw an experiment.`);
    if (!last) return lines.join("\n");
    const all = `All ${own.values.length} seeds: ${signed(own.mean, 2)} (${signed(own.low, 2)} to ${signed(own.high, 2)})`;
    const single = own.values.filter(v => wrong(v, side)).length + own.values.filter(tie).length / 2;
    if (pair.value === "nothing") lines.push("There is no difference here: every interval that excludes 0 is a false alarm.");
    else if (side) lines.push(`${all}; of the single seeds ${counted(single)} name the wrong winner, ${fixed(100 * single / own.values.length, 2)} % (a tie counts half).`);
    else lines.push(`${all}. That contains 0: nobody knows who wins.`);
    return lines.join("\n");
  }

  const count = Math.min(100000, Math.max(0, Math.floor(Number(lp.asked("drawn", "0")) || 0)));
  random = stream(1); means = []; claims = []; last = null;
  for (let i = 0; i < count; i++) experiment();
}
