// A terminal that was started without a language calls its browser's "en-US@posix", with which uPlot cannot start.
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
}
