// The buttons that choose a range, and what they say of the one that is shown.

import { byId, element } from "./element.js";
import { LASTS, isLive } from "./span.js";

export class Toolbar {
  /** `chosen` is told a span; `acts` are those of the hands: zoom, move, home, commit. */
  constructor(chosen, acts) {
    this.buttons = LASTS.map(([last, text]) =>
      element("button", { type: "button", "aria-pressed": "false", "data-last": last, text, on: { click: () => chosen({ last }) } }),
    );
    byId("lasts").replaceChildren(...this.buttons);
    const press = (id, act) =>
      byId(id).addEventListener("click", () => {
        act();
        acts.commit();
      });
    press("earlier", () => acts.move(-0.5));
    press("later", () => acts.move(0.5));
    press("narrower", () => acts.zoom(0.5));
    press("wider", () => acts.zoom(2));
    press("home", () => acts.home());
  }

  show(span, now, seconds) {
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.last === span.last));
    byId("later").disabled = Boolean(span.last);
    const live = isLive(span, now);
    byId("live").dataset.live = String(live);
    byId("live").textContent = live ? `live, every ${seconds} s` : "fixed range";
  }
}
