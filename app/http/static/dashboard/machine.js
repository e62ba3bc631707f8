// The page of one machine: its place in the plant, and a panel for each of its series.

import { plotWidth } from "./chart.js";
import { Clock } from "./clock.js";
import { byId } from "./element.js";
import { Panel } from "./panel.js";

const MOST_POINTS = 4_000;
const STEP = 3;

export class MachinePage {
  /** `selected` is told the range that was dragged over, `wanted` the time to go to. */
  constructor({ palette, selected, wanted }) {
    Object.assign(this, { palette, selected, wanted, panels: new Map(), path: null, clock: new Clock("UTC") });
    this.root = byId("machine");
    this.curves = byId("curves");
  }

  /** How many columns a plot is to have: one to a pixel of the screen. */
  get points() {
    return Math.min(MOST_POINTS, Math.round(plotWidth(this.width) * devicePixelRatio));
  }

  /** How many buckets are wanted for marks. */
  get steps() {
    return Math.floor(plotWidth(this.width) / STEP);
  }

  /** Of a chart; also known before there is any. */
  get width() {
    return byId("gauge").clientWidth;
  }

  get charts() {
    return [...this.panels.values()].flatMap((panel) => (panel.chart && !panel.host.hidden ? [panel.chart] : []));
  }

  /** Shows what was answered of a machine; panels that are there already go on being used. */
  show(machine, edges, now) {
    this.root.hidden = false;
    if (machine.path !== this.path) this.open(machine);
    const wanted = new Set(machine.series.map(({ id }) => id));
    for (const [id, panel] of this.panels) {
      if (!wanted.has(id)) {
        panel.remove();
        this.panels.delete(id);
      }
    }
    const { clock, palette, selected, wanted: go } = this;
    for (const [place, series] of machine.series.entries()) {
      if (!this.panels.has(series.id)) this.panels.set(series.id, new Panel(series, { clock, palette, selected, wanted: go }));
      const panel = this.panels.get(series.id);
      // Moved only where it is elsewhere: what is moved loses the focus.
      const there = this.curves.children[place] ?? null;
      if (there !== panel.root) this.curves.insertBefore(panel.root, there);
      panel.show(series, edges, now);
    }
    byId("legend").hidden = machine.series.length === 0;
    byId("no-series").hidden = machine.series.length > 0;
    byId("range").textContent = clock.range(...edges);
    byId("zone").textContent = clock.zone;
    this.edges = edges;
  }

  open(machine) {
    this.clear();
    this.path = machine.path;
    this.clock = new Clock(machine.plant.timeZone);
    this.root.hidden = false;
    byId("machine-name").textContent = machine.name;
    byId("machine-path").textContent = machine.path;
    byId("machine-type").textContent = machine.type ? `· ${machine.type.name}` : "";
    const places = [machine.plant.name, machine.line?.name].filter(Boolean);
    byId("place").textContent = places.join(" / ");
    document.title = `${machine.name} - Linegraph`;
  }

  /** Moves what is drawn to `edges`, until what belongs there arrives. */
  preview(edges) {
    this.edges = edges;
    byId("range").textContent = this.clock.range(...edges);
    for (const chart of this.charts) chart.preview(edges);
  }

  /** Moves the crosshair of all charts by a share of the range. */
  point(share) {
    const [from, to] = this.edges;
    const time = this.pointedAt >= from && this.pointedAt <= to ? this.pointedAt + share * (to - from) : (from + to) / 2;
    this.pointedAt = Math.min(to, Math.max(from, time));
    for (const chart of this.charts) chart.point(this.pointedAt);
  }

  /** Keeps the charts as wide as there is room for; `changed` is called once the width has come to rest. */
  watchWidth(changed) {
    let waiting;
    new ResizeObserver(() => {
      for (const chart of this.charts) chart.fit();
      clearTimeout(waiting);
      waiting = setTimeout(() => this.path !== null && changed(), 250);
    }).observe(byId("gauge"));
  }

  repaint() {
    for (const chart of this.charts) chart.repaint();
  }

  /** Nothing of any machine. */
  clear() {
    for (const panel of this.panels.values()) panel.remove();
    this.panels.clear();
    this.path = null;
    this.root.hidden = true;
    document.title = "Linegraph";
  }
}
