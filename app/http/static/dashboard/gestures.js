// What hands do to the curves: keys, wheel, double click and swipe.

const COMMIT = 180;
const FURTHEST = 12;
const KEYS = new Map([
  ["+", ["zoom", 0.5]], ["=", ["zoom", 0.5]], ["-", ["zoom", 2]], ["_", ["zoom", 2]],
  ["ArrowLeft", ["move", -0.25]], ["ArrowRight", ["move", 0.25]], ["0", ["home"]],
]);

/**
 * `acts`: `zoom(factor, at)`, `move(share)`, `home()`, each drawn at once; `commit()` when hands are still;
 * `point(share)` moves the crosshair, `timeAt(x)` tells the time under an x of the window.
 */
export function listen(curves, acts) {
  let waiting;
  const act = (name, ...given) => {
    acts[name](...given);
    clearTimeout(waiting);
    waiting = setTimeout(() => acts.commit(), COMMIT);
  };

  curves.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, button")) return;
    if (event.shiftKey && event.key.startsWith("Arrow")) {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") acts.point(event.key === "ArrowLeft" ? -0.01 : 0.01);
    } else if (KEYS.has(event.key)) {
      act(...KEYS.get(event.key));
    } else return;
    event.preventDefault();
  });

  // The wheel alone scrolls the page, as everywhere; pinching a touchpad comes as a wheel with Ctrl.
  const wheel = (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      const much = Math.max(-100, Math.min(100, event.deltaMode === 0 ? event.deltaY : event.deltaY * 30));
      act("zoom", 1.006 ** much, acts.timeAt(event.clientX));
    } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      act("move", sideways / curves.clientWidth);
    } else return;
    event.preventDefault();
  };
  curves.addEventListener("wheel", wheel, { passive: false });

  curves.addEventListener("dblclick", (event) => {
    if (event.target.closest(".u-over")) act("home");
  });

  let touched = null;
  curves.addEventListener("pointerdown", (event) => {
    touched = event.pointerType === "touch" && event.isPrimary && event.target.closest(".u-over") ? event.clientX : null;
  });
  curves.addEventListener("pointermove", (event) => {
    if (touched === null || !event.isPrimary || Math.abs(event.clientX - touched) < FURTHEST) return;
    act("move", (touched - event.clientX) / curves.clientWidth);
    touched = event.clientX;
  });
  for (const name of ["pointerup", "pointercancel"]) {
    curves.addEventListener(name, () => {
      touched = null;
    });
  }
}
