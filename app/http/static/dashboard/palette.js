// The colours of the canvases, which know no style sheets; they follow the page between light and dark.

const NAMES = ["ink", "muted", "grid", "curve", "bad", "uncertain", "provisional", "provisional-edge", "revised"];

export class Palette {
  /** `changed` is called when the colours are others than before. */
  constructor(changed) {
    this.read();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.read();
      changed();
    });
  }

  read() {
    const style = getComputedStyle(document.documentElement);
    this.colours = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  of(name) {
    return this.colours[name];
  }
}
