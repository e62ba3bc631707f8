// Times by the clocks of a plant.

const MINUTE = 60_000;
const DAY = 86_400_000;

export class Clock {
  constructor(zone) {
    this.zone = known(zone) ? zone : "UTC";
    const format = (options) =>
      new Intl.DateTimeFormat("en-GB", { timeZone: this.zone, hourCycle: "h23", ...options });
    const hours = { hour: "2-digit", minute: "2-digit" };
    const date = { day: "numeric", month: "short", year: "numeric" };
    this.formats = {
      minutes: format(hours),
      seconds: format({ ...hours, second: "2-digit" }),
      parts: format({ ...hours, second: "2-digit", fractionalSecondDigits: 3 }),
      day: format({ day: "numeric", month: "short" }),
      month: format({ month: "short", year: "numeric" }),
      date: format(date),
      whole: format({ ...date, ...hours, second: "2-digit" }),
      range: format({ ...date, ...hours }),
      fineRange: format({ ...date, ...hours, second: "2-digit" }),
    };
  }

  /** Labels of a time axis whose steps are this wide; midnight is shown as its day. */
  ticks(times, step) {
    const { day, month, minutes, seconds, parts } = this.formats;
    if (step >= 28 * DAY) return times.map((time) => month.format(time));
    if (step >= DAY) return times.map((time) => day.format(time));
    const fine = step >= MINUTE ? minutes : step >= 1_000 ? seconds : parts;
    return times.map((time) => (minutes.format(time) === "00:00" && step >= MINUTE ? day : fine).format(time));
  }

  /** An instant beside others: the day is told where it is another than that of `beside`. */
  instant(time, beside) {
    const { date, seconds, whole } = this.formats;
    return (date.format(time) === date.format(beside) ? seconds : whole).format(time);
  }

  /** The same for edges of buckets, which have no seconds but in narrow ranges. */
  edge(time, beside) {
    const { date, minutes, range } = this.formats;
    if (time % MINUTE !== 0) return this.instant(time, beside);
    return (date.format(time) === date.format(beside) ? minutes : range).format(time);
  }

  /** A range in words. */
  range(from, to) {
    const { range, fineRange } = this.formats;
    return (to - from < 10 * MINUTE ? fineRange : range).formatRange(from, to);
  }
}

function known(zone) {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
