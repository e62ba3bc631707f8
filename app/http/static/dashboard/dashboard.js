// The page put together: what is shown, what is asked for it, and when it is asked again.

import { readAddress, writeAddress } from "./address.js";
import { byId } from "./element.js";
import { listen } from "./gestures.js";
import { MachinePage } from "./machine.js";
import * as notice from "./notice.js";
import { Palette } from "./palette.js";
import { Service, Trouble } from "./service.js";
import { HOME, edges, isLive, moved, patience, stepFor, written, zoomed } from "./span.js";
import { Token } from "./token.js";
import { Toolbar } from "./toolbar.js";
import { Tree } from "./tree.js";

const AGAIN = 5_000;
const LONGEST_PAUSE = 15_000;
const SKEW = 2_000;
const WIDE = matchMedia("(min-width: 761px)");

class Dashboard {
  constructor() {
    Object.assign(this, { ...readAddress(), home: HOME, listed: false, marks: true, failures: 0, skew: 0, asked: 0 });
    if (this.span.last) this.home = this.span;
    this.token = new Token(() => this.restart());
    this.service = new Service(this.token);
    const palette = new Palette(() => this.page.repaint());
    const selected = (from, to) => this.go(this.path, { from: Math.round(from), to: Math.max(Math.round(to), Math.round(from) + 1) });
    this.page = new MachinePage({ palette, selected, wanted: (time) => this.visit(time) });
    this.tree = new Tree((path) => {
      this.list(false);
      this.go(path, this.span);
      this.page.curves.focus({ preventScroll: true, focusVisible: false });
    });
    const acts = {
      zoom: (factor, at) => this.preview(zoomed(this.span, factor, this.now, at)),
      move: (share) => this.preview(moved(this.span, share, this.now)),
      home: () => this.preview(this.home),
      commit: () => this.go(this.path, this.span),
      point: (share) => this.page.point(share),
      timeAt: (x) => this.page.charts[0]?.timeAt(x),
    };
    this.toolbar = new Toolbar((span) => this.go(this.path, span), acts);
    listen(this.page.curves, acts);
    addEventListener("popstate", () => this.change(readAddress()));
    document.addEventListener("visibilitychange", () => document.hidden || this.load());
    byId("menu").addEventListener("click", () => this.list(byId("menu").getAttribute("aria-expanded") !== "true"));
    // Where it has become narrower, there are points enough.
    this.page.watchWidth(() => this.page.points <= this.asked || this.load());
    this.load();
  }

  /** By the service's clock, where that of this machine is wrong. */
  get now() {
    return Date.now() + this.skew;
  }

  go(path, span, replaced = false) {
    if (path === null) return;
    writeAddress(path, span, replaced);
    this.change({ path, span });
  }

  /** Goes to a time, in the width that is shown. */
  visit(time) {
    const [from, to] = edges(this.span, this.now);
    const start = Math.round(time - (to - from) * 0.9);
    this.go(this.path, { from: start, to: Math.round(start + to - from) });
  }

  change({ path, span }) {
    if (span.last) this.home = span;
    Object.assign(this, { path, span, marks: true });
    if (path === this.page.path) this.page.preview(edges(span, this.now));
    byId("main").setAttribute("aria-busy", "true");
    this.load();
  }

  preview(span) {
    if (this.page.path === null) return;
    this.controller?.abort();
    this.span = span;
    this.page.preview(edges(span, this.now));
  }

  /** One request for all that is to be shown; the one before it, if it is still out, is given up. */
  async load() {
    clearTimeout(this.timer);
    this.controller?.abort();
    const { signal } = (this.controller = new AbortController());
    const range = edges(this.span, this.now);
    this.toolbar.show(this.span, this.now, patience(range));
    this.tree.mark(this.path, this.span);
    this.asked = this.page.points;
    try {
      const { data, now } = await this.service.ask(
        {
          tree: !this.listed,
          chosen: this.path !== null,
          path: this.path ?? "",
          range: written(this.span),
          points: this.asked,
          every: stepFor(range, this.page.steps),
          marks: this.marks,
        },
        signal,
      );
      if (data.plants) await this.service.askOn(data, signal);
      if (!signal.aborted) this.show(data, now);
    } catch (trouble) {
      if (signal.aborted) return;
      if (!(trouble instanceof Trouble)) throw trouble;
      this.explain(trouble);
    }
  }

  show(data, now) {
    this.skew = Math.abs(now - Date.now()) > SKEW ? now - Date.now() : 0;
    this.failures = 0;
    this.token.accept();
    notice.hush();
    byId("main").setAttribute("aria-busy", "false");
    if (data.plants) this.showPlants(data);
    if (!this.listed) {
      this.page.clear();
      notice.showNoMachines(Boolean(this.token.value));
      this.again(AGAIN);
    } else if (this.path === null && WIDE.matches) {
      this.go(this.tree.first, this.span, true);
    } else if (!data.machine) {
      this.page.clear();
      this.list(true);
      if (this.path !== null) notice.showNoMachine(this.path);
    } else {
      const first = this.page.path === null;
      this.shownAt = this.now;
      this.page.show(data.machine, edges(this.span, this.now), this.now);
      if (first && document.activeElement === document.body) this.page.curves.focus({ preventScroll: true, focusVisible: false });
      if (isLive(this.span, this.now)) this.again(1_000 * patience(edges(this.span, this.now)));
    }
  }

  showPlants({ plants, unmappedSeries }) {
    this.tree.show(plants.edges.map(({ node }) => node), unmappedSeries.totalCount);
    this.tree.mark(this.path, this.span);
    this.listed = this.tree.first !== null;
  }

  explain(trouble) {
    byId("main").setAttribute("aria-busy", "false");
    if (trouble.kind === "token") {
      this.forget();
      this.token.keep("");
      this.token.demand(trouble.message);
    } else if (trouble.kind === "away") {
      this.failures += 1;
      const since = this.shownAt ? ` What is shown is of ${this.page.clock.formats.seconds.format(this.shownAt)}.` : "";
      notice.say(`${trouble.message} This page asks again by itself.${since}`);
      byId("live").dataset.live = "false";
      byId("live").textContent = "no answer";
      this.again(Math.min(LONGEST_PAUSE, 1_000 * 2 ** this.failures));
    } else if (this.marks) {
      // Steps for marks may be finer than what is kept, or than what may be asked for; the curves are worth more.
      this.marks = false;
      this.load();
    } else {
      if (trouble.data?.plants) this.showPlants(trouble.data);
      notice.say(`${trouble.message} ${trouble.hint}`);
    }
  }

  /** What a token has shown is not for whoever comes without it. */
  forget() {
    this.page.clear();
    this.tree.show([], 0);
    Object.assign(this, { listed: false, shownAt: null });
    notice.hush();
  }

  restart() {
    this.forget();
    this.load();
  }

  again(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => document.hidden || this.load(), pause);
  }

  /** Opens or closes the list where there is no room for it beside the curves. */
  list(open) {
    byId("menu").setAttribute("aria-expanded", String(open));
    byId("shell").dataset.list = open ? "open" : "closed";
  }
}

new Dashboard();
