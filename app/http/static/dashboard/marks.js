// What is to be known of a curve beside its values: where it may still change, was revised, bad or uncertain.

const TICK = 5;

/** Stretches `[start, end]` from the columns of buckets; what is provisional at the end is so up to `to`. */
export function marksOf(buckets, to) {
  if (!buckets) return { bad: [], uncertain: [], provisional: [], revised: [], finalUntil: null };
  const { starts, ends, finality, bad, uncertain } = buckets;
  const stretches = (holds) => {
    const found = [];
    let before = -2;
    for (let at = 0; at < starts.length; at += 1) {
      if (!holds(at)) continue;
      if (before === at - 1) found.at(-1)[1] = ends[at];
      else found.push([starts[at], ends[at]]);
      before = at;
    }
    return found;
  };
  const touching = (counts) => stretches((at) => counts[at] > 0);
  const provisional = stretches((at) => finality[at] === "PROVISIONAL");
  const trailing = finality.at(-1) === "PROVISIONAL" ? provisional.at(-1) : null;
  if (trailing) trailing[1] = Math.max(trailing[1], to);
  return {
    bad: touching(bad),
    uncertain: touching(uncertain),
    provisional,
    revised: stretches((at) => finality[at] === "REVISED"),
    finalUntil: trailing?.[0] ?? null,
  };
}

/** Behind the curve: what may still change, as a shade with an edge. */
export function paintBehind(plot, marks, palette) {
  onPlot(plot, (context, { top, height }, ratio) => {
    for (const [start, end] of marks.provisional) {
      const [left, width] = place(plot, start, end, ratio);
      context.fillStyle = palette.of("provisional");
      context.fillRect(left, top, width, height);
      context.fillStyle = palette.of("provisional-edge");
      context.fillRect(left, top, Math.round(ratio), height);
    }
  });
}

/** In front: bad quality as whole ticks along the bottom, uncertain as half ones, revised along the top. */
export function paintBefore(plot, marks, palette) {
  onPlot(plot, (context, { top, height }, ratio) => {
    const paint = (stretches, name, from, tall) => {
      context.fillStyle = palette.of(name);
      for (const [start, end] of stretches) {
        const [left, width] = place(plot, start, end, ratio);
        context.fillRect(left, from, width, tall);
      }
    };
    const tick = Math.round(TICK * ratio);
    const half = Math.ceil(tick / 2);
    paint(marks.uncertain, "uncertain", top + height - half, half);
    paint(marks.bad, "bad", top + height - tick, tick);
    paint(marks.revised, "revised", top, half);
  });
}

function onPlot(plot, paint) {
  const { ctx: context, bbox } = plot;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  paint(context, bbox, devicePixelRatio);
  context.restore();
}

function place(plot, start, end, ratio) {
  const left = Math.round(plot.valToPos(start, "x", true));
  return [left, Math.max(Math.round(2 * ratio), Math.round(plot.valToPos(end, "x", true)) - left)];
}
