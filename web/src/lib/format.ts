// Numbers and times as people read them.

export function count(n: number): string {
  return n.toLocaleString("en");
}

export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

export function rate(qps: number): string {
  if (qps === 0) return "0";
  return qps < 10 ? qps.toFixed(1) : count(Math.round(qps));
}

export function seconds(s: number): string {
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return `${Math.floor(s / 3600)} h`;
}

export function millis(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function micros(us: number): string {
  return us < 1000 ? `${us} µs` : millis(Math.round(us / 100) / 10);
}

export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString("en-GB", { hour12: false });
}

export function moment(time: number | string): string {
  const date = new Date(time);
  return `${date.toLocaleDateString("sv")} ${date.toLocaleTimeString("en-GB", { hour12: false })}`;
}

export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit] ?? ""}`;
}

/** zone1-0000000101 as zone1-101: what people say. */
export function shortAlias(alias: string): string {
  return alias.replace(/-0+(\d)/, "-$1");
}
