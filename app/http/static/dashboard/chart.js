// One curve on a canvas: uPlot set up for readings, with all charts of the page under one crosshair.

import "./locale.js";
import uPlot from "/static/vendor/uplot-1.6.32/uPlot.esm.js";
import { paintBefore, paintBehind } from "./marks.js";
import { axisNumbers } from "./words.js";

const LEFT = 60;
const RIGHT = 18;
const FOOT = 24;
const HEIGHT = 116;
const ROW = 19;
const MOST_ROWS = 10;
const FONT = "11px system-ui, sans-serif";
const SHARED = "time";

/** CSS pixels that are left for the curve in an element of this width. */
export const plotWidth = (width) => Math.max(50, Math.floor(width) - LEFT - RIGHT);

export class Chart {
  /**
   * `labels` is null, or for a state a map from code to text. `pointed` is told the place of the reading under the
   * crosshair, or null; `selected` the stretch of time that was dragged over.
   */
  constructor(host, { clock, palette, labels, pointed, selected }) {
    Object.assign(this, { host, clock, palette, labels, marks: null, edges: [0, 1], codes: [] });
    this.plot = new uPlot(this.options(pointed, selected), [[], []], host);
  }

  options(pointed, selected) {
    const { clock, palette, labels } = this;
    const stroke = (name) => () => palette.of(name);
    const axis = { stroke: stroke("muted"), font: FONT, grid: { stroke: stroke("grid"), width: 1 }, ticks: { show: false } };
    return {
      width: Math.max(LEFT + RIGHT + 1, this.host.clientWidth),
      height: HEIGHT + FOOT,
      ms: 1,
      padding: [9, RIGHT, 0, 0],
      tzDate: (time) => uPlot.tzDate(new Date(time), clock.zone),
      legend: { show: false },
      scales: { x: { range: () => this.edges }, y: { range: (_, low, high) => this.room(low, high) } },
      axes: [
        { ...axis, size: FOOT, space: 64, gap: 5, values: (_, times, at, space, step) => clock.ticks(times, step) },
        {
          ...axis, size: LEFT, gap: 6,
          ...(labels ? { splits: () => this.codes } : { space: 28 }),
          values: (plot, splits) => (labels ? splits.map((code) => fitted(plot, labels.get(code) ?? `${code}`)) : axisNumbers(splits)),
        },
      ],
      series: [
        {},
        {
          stroke: stroke("curve"),
          width: 1.25,
          paths: labels ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear(),
          points: { size: 4, stroke: stroke("curve"), fill: stroke("curve"), filter: alone },
        },
      ],
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => null },
        sync: { key: SHARED, scales: ["x", null], filters: { pub: (type) => type === "mousemove", sub: () => true } },
      },
      hooks: {
        drawClear: [(plot) => this.marks && paintBehind(plot, this.marks, palette)],
        draw: [(plot) => this.marks && paintBefore(plot, this.marks, palette)],
        setCursor: [(plot) => pointed(plot.cursor.left < 0 ? null : plot.cursor.idx)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            selected(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
          },
        ],
      },
    };
  }

  /** Draws columns of times and values, with their marks, over `edges`. */
  show({ times, values }, marks, edges) {
    Object.assign(this, { marks, edges });
    if (this.labels) {
      const codes = [...new Set(values.filter((value) => value !== null))].sort((one, other) => one - other);
      const every = Math.ceil(codes.length / MOST_ROWS);
      this.codes = codes.filter((_, place) => place % every === 0);
    }
    this.fit();
    this.plot.setData([times, values]);
  }

  /** Moves what is drawn already, until what belongs there arrives. */
  preview(edges) {
    this.edges = edges;
    this.plot.setScale("x", { min: edges[0], max: edges[1] });
  }

  /** Takes the width that there is. */
  fit() {
    const height = FOOT + (this.labels ? Math.max(3, this.codes.length + 1) * ROW : HEIGHT);
    const width = Math.floor(this.host.clientWidth);
    if (width > LEFT + RIGHT && (width !== this.plot.width || height !== this.plot.height)) this.plot.setSize({ width, height });
  }

  /** Puts the crosshair at a time. */
  point(time) {
    this.plot.setCursor({ left: this.plot.valToPos(time, "x"), top: 10 });
  }

  /** The time under an x of the window. */
  timeAt(x) {
    return this.plot.posToVal(x - this.plot.over.getBoundingClientRect().left, "x");
  }

  repaint() {
    this.plot.redraw(false);
  }

  remove() {
    this.plot.destroy();
  }

  room(low, high) {
    if (low === null) return [0, 1];
    return this.labels ? [low - 0.7, high + 0.7] : uPlot.rangeNum(low, high, 0.1, true);
  }
}

/** As much of a label as there is room for beside the curve. */
function fitted({ ctx: context }, text) {
  context.font = FONT;
  let most = Math.min(text.length, 40);
  while (most > 1 && context.measureText(text.slice(0, most)).width > LEFT - 20) most -= 1;
  return most < text.length ? `${text.slice(0, most)}…` : text;
}

/** Readings between two gaps are no line: they are drawn as points. */
function alone(plot, series, shown) {
  if (shown) return null;
  const values = plot.data[series];
  const found = values.flatMap((value, at) => (value !== null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
  return found.length > 0 ? found : null;
}
