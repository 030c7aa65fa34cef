// A plan as a tree: what is done with what, and what each shard was sent, with rows and times.
import { count, micros, plural } from "../lib/format";
import type { Plan, PlanNode, Sent } from "../lib/vexplain";
import { Code } from "./code";
import { Facts } from "./heading";
import { Message } from "./message";

export function PlanTree({ plan, text, tookUs }: { plan: Plan; text: string; tookUs: number }) {
  const slowest = Math.max(1, ...allSent(plan.root).map((s) => s.microseconds));
  return (
    <section aria-label="Plan">
      <Facts
        facts={[
          ["Tables", plan.tables.join(", ")],
          ...(plan.rowsReturned === undefined ? [] : [["Rows returned", count(plan.rowsReturned)] as [string, string]]),
          ...(plan.rowsMoved === undefined ? [] : [["Rows moved", count(plan.rowsMoved)] as [string, string]]),
          ...(plan.shardsQueried === undefined ? [] : [["Shards queried", count(plan.shardsQueried)] as [string, string]]),
          ["Took", micros(tookUs)],
        ]}
      />
      {plan.warnings.length === 0 ? null : <Message kind="warning" text={plan.warnings.map(warningText).join(" ")} />}
      {plan.root === undefined ? null : <ul class="plan">{<Node node={plan.root} slowest={slowest} traced={plan.rowsReturned !== undefined} />}</ul>}
      {plan.others.length === 0 ? null : (
        <>
          <h3>Beside it</h3>
          <ul class="plan"><li><SentTable sent={plan.others} slowest={slowest} withQuery /></li></ul>
        </>
      )}
      <details><summary>As JSON</summary><Code label="Plan as JSON" text={text} /></details>
    </section>
  );
}

function warningText(warning: string): string {
  if (warning === "Scatter") return "Scatter: every shard is asked.";
  if (warning === "Gather") return "Gather: rows are put together on one tablet, within limits.";
  return `${warning}.`;
}

function allSent(node: PlanNode | undefined): Sent[] {
  return node === undefined ? [] : [...node.sent, ...node.children.flatMap(allSent)];
}

function Node({ node, slowest, traced }: { node: PlanNode; slowest: number; traced: boolean }) {
  // Of two ways to read a part only one is taken.
  const unused = traced && node.name === "Route" && node.sent.length === 0;
  return (
    <li>
      <div class="node">
        <div class="node-head">
          <strong>{node.name}</strong>
          {node.role === "" || node.role === "input" ? null : <span class="soft">{node.role.replaceAll("_", " ")}</span>}
          {node.facts.map(([name, value]) => <span class="badge" title={name}>{name === "reason" ? value : name === "keyspace" || name === "routing" || name === "kind" ? value : `${name} ${value}`}</span>)}
          {unused ? <span class="soft">(not needed this time)</span> : null}
        </div>
        {node.query === "" ? null : <code class="break">{node.query}</code>}
        {node.sent.length === 0 ? null : <SentTable sent={node.sent} slowest={slowest} />}
      </div>
      {node.children.length === 0 ? null : <ul>{node.children.map((child) => <Node node={child} slowest={slowest} traced={traced} />)}</ul>}
    </li>
  );
}

/** Shards that are shown of one statement. */
const MAX_SENT = 64;

function SentTable(props: { sent: Sent[]; slowest: number; withQuery?: boolean }) {
  const { sent, slowest, withQuery } = props;
  return (
    <div class="table sent" role="region" aria-label="Sent to shards" tabIndex={0}>
      <table>
        <thead><tr><th scope="col">Shard</th><th scope="col" class="number">Rows</th><th scope="col">Time</th>{withQuery === true ? <th scope="col">Statement</th> : null}</tr></thead>
        <tbody>
          {sent.slice(0, MAX_SENT).map((one) => (
            <tr>
              <td>{one.keyspace}/{one.shard} <span class="soft">{one.tablet_type}</span></td>
              <td class="number">{one.rows === null ? "" : count(one.rows)}</td>
              <td><span class="time"><meter min={0} max={slowest} value={one.microseconds} aria-label={micros(one.microseconds)} />{micros(one.microseconds)}</span></td>
              {withQuery === true ? <td><code class="break">{one.query}</code></td> : null}
            </tr>
          ))}
        </tbody>
      </table>
      {sent.length <= MAX_SENT ? null : <p class="soft">and {plural(sent.length - MAX_SENT, "more")}</p>}
      {sent.filter((one) => one.mysql_explain_json !== undefined).map((one) => (
        <details><summary>How {one.shard}’s mysqld does it</summary><Code label={`Plan of ${one.shard}`} text={JSON.stringify(one.mysql_explain_json, null, 2)} /></details>
      ))}
    </div>
  );
}
