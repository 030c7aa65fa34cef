// Starts a cluster on this machine before the tests, and removes it after them.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { BASE_PORT, DATA_DIR, GIVEN_URL, PROGRAMS } from "./where";

function vtlocal(...args: string[]): void {
  const done = spawnSync(join(PROGRAMS, "vtlocal"), args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`vtlocal ${args.join(" ")}: ${done.error?.message ?? done.stderr}\n${done.stdout}`);
}

export default function setup(): (() => void) | undefined {
  if (GIVEN_URL !== undefined) return undefined;
  vtlocal("clean", "--data-dir", DATA_DIR);
  vtlocal("up", "--data-dir", DATA_DIR, "--base-port", String(BASE_PORT));
  return () => vtlocal("clean", "--data-dir", DATA_DIR);
}
