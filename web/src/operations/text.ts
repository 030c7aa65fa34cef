// Requests as short text.
import type { Json, JsonObject } from "../lib/types";

/** keyspace customer, shard -80, new_primary zone1-102 */
export function requestText(request: JsonObject): string {
  return Object.entries(request).map(([name, value]) => `${name} ${valueText(value)}`).join(", ");
}

function valueText(value: Json): string {
  if (Array.isArray(value)) return value.map(valueText).join("; ");
  if (typeof value !== "object" || value === null) return String(value);
  const { cell, uid, seconds, name } = value;
  if (typeof cell === "string" && uid !== undefined) return `${cell}-${String(uid)}`;
  if (seconds !== undefined) return `${String(seconds)} s`;
  if (typeof name === "string") return name;
  return "{…}";
}
