// Plants, lines and machines to choose from, with a search.

import { addressOf } from "./address.js";
import { byId, element } from "./element.js";

const OPEN_UP_TO = 60;

export class Tree {
  /** `chosen` is told the path of a machine. */
  constructor(chosen) {
    Object.assign(this, { chosen, links: new Map(), groups: [], current: null });
    this.root = byId("tree");
    this.search = byId("search");
    this.search.addEventListener("input", () => this.sift());
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      const first = [...this.links.values()].find(({ item }) => !item.hidden);
      if (first) this.chosen(first.path);
    });
  }

  get first() {
    return this.links.keys().next().value ?? null;
  }

  /** Lists all plants anew, and tells of tags without a machine. */
  show(plants, unmapped) {
    this.links.clear();
    Object.assign(this, { groups: [], current: null });
    this.root.replaceChildren(...plants.map((plant) => this.group(plant, plant.lines.map((line) => this.line(plant, line)))));
    const few = this.links.size <= OPEN_UP_TO;
    for (const group of this.groups) group.open = few;
    byId("unmapped").hidden = unmapped === 0;
    byId("unmapped-count").textContent = unmapped === 1 ? "1 source tag belongs" : `${unmapped} source tags belong`;
    byId("shell").dataset.known = String(this.links.size + unmapped > 0);
    this.sift();
  }

  /** Says which machine is shown, and leads to the others in the same range. */
  mark(path, span) {
    for (const link of this.links.values()) {
      link.anchor.href = addressOf(link.path, span);
      if (link.path === path) link.anchor.setAttribute("aria-current", "page");
      else link.anchor.removeAttribute("aria-current");
    }
    if (path === this.current) return;
    this.current = path;
    const anchor = this.links.get(path)?.anchor;
    for (let above = anchor?.closest("details"); above; above = above.parentElement.closest("details")) above.open = true;
    anchor?.scrollIntoView({ block: "nearest" });
  }

  line(plant, line) {
    const machines = line.machines.map((machine) => {
      const anchor = element("a", { href: "/", title: machine.path, text: machine.name });
      anchor.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        this.chosen(machine.path);
      });
      const item = element("li", {}, anchor);
      const words = [plant.name, line.name, machine.name, machine.path].join(" ").toLowerCase();
      this.links.set(machine.path, { path: machine.path, anchor, item, words });
      return item;
    });
    return this.group(line, machines);
  }

  group({ name, path }, items) {
    const list = element("ul", {}, ...items);
    const details = element("details", {}, element("summary", { title: path, text: name }), list);
    const item = element("li", {}, details);
    this.groups.push(details);
    return item;
  }

  sift() {
    const terms = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { item, words } of this.links.values()) {
      item.hidden = !terms.every((term) => words.includes(term));
      if (!item.hidden) found += 1;
    }
    // Lines come before their plants, so that a plant without any line left is gone as well.
    for (const details of this.groups) {
      const rest = details.querySelectorAll(":scope > ul > li:not([hidden])").length;
      details.parentElement.hidden = terms.length > 0 && rest === 0;
      if (terms.length > 0) details.open = true;
    }
    byId("found").textContent = terms.length === 0 ? "" : found === 0 ? "No machine is called so." : `${found} found`;
  }
}
