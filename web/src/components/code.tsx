// Text of machines: JSON, SQL, logs, differences.
import type { DiffLine } from "../lib/diff";
import { withContext } from "../lib/diff";
import { clock } from "../lib/format";
import type { LogLine } from "../lib/types";

export function Code({ text, label }: { text: string; label: string }) {
  return <pre class="code" tabIndex={0} role="region" aria-label={label}>{text}</pre>;
}

export function Log({ lines, label }: { lines: LogLine[]; label: string }) {
  return (
    <div class="log" role="log" aria-label={label} tabIndex={0}>
      {lines.map((line) => (
        <div class={line.level}>
          <time dateTime={new Date(line.at_ms).toISOString()}>{clock(line.at_ms)}</time>
          <span>{line.level === "info" ? "" : `${line.level}: `}{line.text}</span>
        </div>
      ))}
    </div>
  );
}

const SIGNS = { same: " ", added: "+", removed: "−" };

export function Diff({ lines, label }: { lines: DiffLine[]; label: string }) {
  if (lines.every((line) => line.kind === "same")) return <p class="soft">There is no difference.</p>;
  return (
    <pre class="code diff" tabIndex={0} role="region" aria-label={label}>
      {withContext(lines, 3).map((line) =>
        line === null
          ? <div class="gap">⋯</div>
          : <div class={line.kind}><span class="sign">{SIGNS[line.kind]}</span>{line.text}</div>)}
    </pre>
  );
}
