// Small signs: states and roles, in words and colour.
import type { TabletState } from "../lib/types";

const STATES: Record<TabletState, [string, string]> = {
  serving: ["serving", "good"],
  not_serving: ["not serving", "bad"],
  silent: ["silent", "bad"],
};

export function StateBadge({ state }: { state: TabletState }) {
  const [text, kind] = STATES[state];
  return <span class={`badge ${kind}`}>{text}</span>;
}

export function Role({ role }: { role: string }) {
  return <span class={role === "PRIMARY" ? "badge accent" : "badge"}>{role.toLowerCase()}</span>;
}

export function JobState({ state }: { state: "running" | "done" | "failed" }) {
  const kind = state === "running" ? "accent" : state === "done" ? "good" : "bad";
  return <span class={`badge ${kind}`}>{state}</span>;
}
