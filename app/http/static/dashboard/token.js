// The API token, kept for this tab only: a shared control-room browser must not remember it. GraphiQL knows the same.

import { byId } from "./element.js";

const KEY = "linegraph.token";

export class Token {
  /** `entered` is called when somebody has given a token, or forgotten it. */
  constructor(entered) {
    this.door = byId("door");
    this.field = byId("token");
    byId("sign-in").addEventListener("submit", (event) => {
      event.preventDefault();
      this.keep(this.field.value.trim());
      this.field.value = "";
      entered();
    });
    byId("sign-out").addEventListener("click", () => {
      this.keep("");
      entered();
    });
    this.keep(inStorage((storage) => storage.getItem(KEY)) ?? "");
  }

  keep(token) {
    this.value = token;
    byId("sign-out").hidden = !token;
    inStorage((storage) => (token ? storage.setItem(KEY, token) : storage.removeItem(KEY)));
  }

  /** Asks for a token, and says why. */
  demand(reason) {
    byId("door-reason").textContent = reason;
    if (!this.door.hidden) return;
    this.door.hidden = false;
    this.field.focus();
  }

  /** The token is good, or none is needed. */
  accept() {
    this.door.hidden = true;
  }
}

/** Some browsers are told to keep nothing at all: then the token lasts as long as the page. */
function inStorage(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}
