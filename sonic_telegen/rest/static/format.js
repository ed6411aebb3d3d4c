// Numbers and times as people read them.

const WHOLE = new Intl.NumberFormat("en");
const PREFIXES = ["", "k", "M", "G", "T", "P"];

/** 12,345 */
export const whole = (number) => WHOLE.format(number);

/** 1.23 k: three digits and a decimal prefix. */
export function scaled(number) {
  let step = 0;
  let left = number;
  while (left >= 999.5 && step < PREFIXES.length - 1) {
    left /= 1000;
    step += 1;
  }
  const digits = left >= 99.95 || (step === 0 && Number.isInteger(left)) ? 0 : left >= 9.995 ? 1 : 2;
  const text = left.toFixed(digits);
  return PREFIXES[step] ? `${text}\u202f${PREFIXES[step]}` : text;
}

/** 04:12:33 of today, 11-25 04:12 of another day, both UTC; a dash for none. */
export function utc(time, now = new Date()) {
  if (!time) return "–";
  const text = new Date(time).toISOString();
  return text.slice(0, 10) === now.toISOString().slice(0, 10) ? text.slice(11, 19) : text.slice(5, 16).replace("T", " ");
}

/** −90 s, −15 min, 0 */
export function ago(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds % 60 === 0 && seconds >= 120) return `−${seconds / 60} min`;
  return `−${seconds} s`;
}
