// Numbers as people read them; the same words as the text reports (analyser/report/units.cc).

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(value: number): string {
  const sign = value < 0 ? "-" : "";
  let size = Math.abs(value);
  let unit = 0;
  while (size >= 1024 && unit + 1 < UNITS.length) {
    size /= 1024;
    ++unit;
  }
  return `${sign}${unit === 0 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

export const signedBytes = (value: number): string => (value > 0 ? "+" : "") + bytes(value);
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
export const counted = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
export const rate = (bytesPerHour: number): string => `${bytes(bytesPerHour)}/h`;

export function percent(part: number, whole: number): string {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "-";
}

export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (seconds < 0.9995) return `${seconds.toFixed(2)} s`;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

// Of an axis: short, so that labels do not touch; minutes as m:ss.
export function axisDuration(seconds: number): string {
  if (seconds < 60) return `${+seconds.toFixed(3)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  return duration(seconds).replace(/ 0 (min|h)$/, "");
}
