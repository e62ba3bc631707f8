// One series of a machine: its name, what it says now, and its curve.

import { Chart } from "./chart.js";
import { element, parted } from "./element.js";
import { marksOf } from "./marks.js";
import { number, tierText, unitText } from "./words.js";

const QUALITIES = { GOOD: "good", UNCERTAIN: "uncertain", BAD: "bad" };

export class Panel {
  /** `selected` is told the range that was dragged over, `wanted` the time to go to. */
  constructor(series, { clock, palette, selected, wanted }) {
    Object.assign(this, { clock, wanted, name: series.metric?.displayName ?? series.source });
    this.labels = series.metric?.kind === "STATE" ? new Map() : null;
    this.value = element("span", { class: "value" });
    this.unit = element("span", { class: "unit" });
    this.quality = element("span", { class: "quality" });
    this.time = element("span", { class: "time" });
    this.facts = element("p", { class: "facts" });
    this.host = element("div", { class: "chart", role: "img" });
    this.note = element("p", { class: "note", hidden: true });
    this.root = element(
      "section", { class: "panel" },
      element(
        "header", {},
        element("h3", { text: this.name, title: series.metric?.description ?? series.source }),
        element("p", { class: "now" }, this.value, this.unit, this.quality, this.time),
        this.facts,
      ),
      this.host,
      this.note,
    );
    const pointed = (place) => this.tell(place);
    this.made = () => new Chart(this.host, { clock, palette, labels: this.labels, pointed, selected });
  }

  /** Shows what was answered of the series. */
  show(series, edges, now) {
    this.chart ??= this.made();
    Object.assign(this, { series, now, end: edges[1] });
    if (this.labels) for (const { code, text } of series.labels) this.labels.set(code, text);
    const { plot, buckets, latest } = series;
    const empty = plot.times.length === 0;
    const marks = marksOf(buckets, edges[1]);
    this.host.hidden = empty;
    if (!empty) this.chart.show(plot, marks, edges);
    this.tell(null);
    const facts = this.factsOf(marks);
    this.facts.replaceChildren(...parted(" · ", facts.map(([text, kind]) => element("span", { text, class: kind }))));
    this.host.setAttribute("aria-label", `${this.name}: ${[this.value.textContent, ...facts.map(([text]) => text)].join(", ")}`);
    this.note.hidden = !empty;
    if (empty) this.note.replaceChildren(...this.absence(latest));
  }

  /** What the header says: the reading under the crosshair, or else the latest. */
  tell(place) {
    if (!this.series) return;
    const { plot, latest, unit } = this.series;
    const under = place !== null && plot.times.length > 0;
    const value = under ? plot.values[place] : latest?.value;
    const time = under ? plot.times[place] : latest && Date.parse(latest.time);
    const quality = under || !latest ? "" : QUALITIES[latest.quality];
    const known = value !== null && value !== undefined;
    this.root.classList.toggle("pointed", under);
    this.value.textContent = under && !known ? "gap" : this.text(value);
    this.unit.textContent = known && !this.labels ? unitText(unit) : "";
    this.quality.textContent = quality;
    this.quality.dataset.quality = quality;
    this.time.textContent = time ? this.clock.instant(time, under ? this.end : this.now) : "never read";
  }

  text(value) {
    return (this.labels && value != null && this.labels.get(value)) || number(value);
  }

  /** `[text, kind]` of everything beside the current value. */
  factsOf(marks) {
    const { plot, buckets, metric } = this.series;
    const known = plot.values.filter((value) => value !== null);
    if (known.length === 0) return [];
    const facts = [];
    if (metric?.kind === "COUNTER" && buckets) {
      const made = buckets.increase.reduce((sum, each) => sum + (each ?? 0), 0);
      facts.push([`+${number(made)} since ${this.clock.edge(buckets.starts[0], this.end)}`]);
    } else if (!this.labels) {
      const [low, high] = known.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
      facts.push([`${number(low)} to ${number(high)}`]);
    }
    for (const kind of buckets ? ["bad", "uncertain"] : []) {
      const count = buckets[kind].reduce((sum, each) => sum + each, 0);
      if (count > 0) facts.push([`${number(count)} ${kind}`, kind]);
    }
    facts.push([tierText(plot.tier)]);
    if (!buckets) facts.push(["quality and finality are not told here"]);
    else if (marks.finalUntil === null) facts.push([marks.provisional.length > 0 ? "provisional in parts" : "final"]);
    else facts.push([`provisional from ${this.clock.edge(marks.finalUntil, this.end)} on`, "provisional"]);
    if (marks.revised.length > 0) facts.push(["revised in parts", "revised"]);
    return facts;
  }

  absence(latest) {
    if (!latest) return ["No readings yet."];
    const time = Date.parse(latest.time);
    const go = element("button", { type: "button", text: "Go there", on: { click: () => this.wanted(time) } });
    return [`No readings in this range. The latest is of ${this.clock.formats.whole.format(time)}. `, go];
  }

  remove() {
    this.chart?.remove();
    this.root.remove();
  }
}
