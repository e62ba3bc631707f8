// The page's address says what is shown, so that a link can be sent and Back works.

import { readSpan, written } from "./span.js";

/** `{path, span}`; the path is null where no machine is named. */
export function readAddress() {
  const parameters = new URLSearchParams(location.search);
  return { path: parameters.get("machine"), span: readSpan(parameters) };
}

/** The address of a machine in a range. */
export function addressOf(path, span) {
  // Slashes need no escape in a query, and addresses are read by people.
  return `/?${new URLSearchParams({ machine: path, ...written(span) })}`.replaceAll("%2F", "/").replaceAll("%3A", ":");
}

/** Changes what the address says; `replaced` leaves no step to go Back to. */
export function writeAddress(path, span, replaced = false) {
  const address = addressOf(path, span);
  if (address === location.pathname + location.search) return;
  history[replaced ? "replaceState" : "pushState"](null, "", address);
}
