// The SQL console: a statement through vtgate, its rows, or how it is answered.
import { useState } from "preact/hooks";
import { Area, Check, Choice, TextField } from "../components/field";
import { Heading } from "../components/heading";
import { Message } from "../components/message";
import { PlanTree } from "../components/plan";
import { api, told } from "../lib/api";
import { count, micros, plural } from "../lib/format";
import { useSession } from "../lib/session";
import type { SqlAnswer } from "../lib/types";
import { useLoaded } from "../lib/use";
import { readPlan } from "../lib/vexplain";

const WAYS: [string, string][] = [
  ["", "Rows"],
  ["plan", "Plan (not carried out)"],
  ["trace", "Trace: shards, rows, time"],
  ["all", "Trace, with MySQL’s plans"],
];

type Outcome = { answer: SqlAnswer; way: string } | { fault: string };

export function Sql({ query }: { query: URLSearchParams }) {
  const session = useSession();
  const why = session?.role !== "operator"
    ? "The SQL console is for operators."
    : session.sql_console ? undefined : "vtctld was started without --vtgate-address: give it the host:port of a vtgate’s gRPC server, and the console is here.";
  return (
    <>
      <Heading title="SQL" />
      {why === undefined ? <Console query={query} /> : <Message kind="info" text={why} />}
    </>
  );
}

function Console({ query }: { query: URLSearchParams }) {
  const [target, setTarget] = useState(query.get("target") ?? "");
  const [sql, setSql] = useState(query.get("sql") ?? "");
  const [way, setWay] = useState("");
  const [mayWrite, setMayWrite] = useState(false);
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const keyspaces = useLoaded("keyspaces", () => api.keyspaces({ limit: 200 }));
  const names = keyspaces.value?.keyspaces.map((k) => k.keyspace) ?? [];
  const run = () => {
    if (busy) return;
    setBusy(true);
    setOutcome(undefined);
    api.sql({ target, sql, may_write: mayWrite, vexplain: way === "" ? null : way })
      .then((answer) => setOutcome({ answer, way }), (e: unknown) => setOutcome({ fault: told(e) }))
      .finally(() => setBusy(false));
  };
  const keys = (e: KeyboardEvent) => {
    if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey)) return;
    e.preventDefault();
    run();
  };
  return (
    <>
      <form class="card form" onSubmit={(e) => { e.preventDefault(); run(); }}>
        <TextField label="Target" value={target} change={setTarget} list={names} hint="customer, customer@replica, customer:-80" />
        <Choice label="Show" value={way} options={WAYS} change={setWay} />
        <Area label="Statement" rows={5} value={sql} change={setSql} required keys={keys} hint="Ctrl+Enter runs it. Each statement stands for itself: there is no transaction between two." />
        <Check label="It may change data" value={mayWrite} change={setMayWrite} />
        <div class="buttons"><button class="primary" disabled={busy}>{busy ? "Running…" : "Run"}</button></div>
      </form>
      {outcome === undefined ? null : "fault" in outcome
        ? <Message kind="error" text={outcome.fault} />
        : outcome.way === "" ? <Rows answer={outcome.answer} /> : <Explained answer={outcome.answer} />}
    </>
  );
}

function Rows({ answer }: { answer: SqlAnswer }) {
  const { columns, rows } = answer;
  const isNumber = (type: string) => /INT|FLOAT|DECIMAL|YEAR/.test(type);
  return (
    <section aria-label="Result">
      <p class="soft" role="status">
        {columns.length === 0 ? `${plural(answer.rows_affected, "row")} changed` : plural(rows.length, "row")} in {micros(answer.took_us)}
        {answer.insert_id === "0" ? "" : `, insert id ${answer.insert_id}`}
        {answer.is_cut ? `; there are more, the first ${count(rows.length)} are shown` : ""}
      </p>
      {columns.length === 0 ? null : (
        <div class="table rows" role="region" aria-label="Rows" tabIndex={0}>
          <table>
            <thead><tr>{columns.map((c) => <th scope="col" title={c.type} class={isNumber(c.type) ? "number" : undefined}>{c.name}</th>)}</tr></thead>
            <tbody>
              {rows.map((row) => (
                <tr>{row.map((value, at) => <td class={isNumber(columns[at]?.type ?? "") ? "number" : undefined}>{value === null ? <span class="soft">NULL</span> : value}</td>)}</tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Explained({ answer }: { answer: SqlAnswer }) {
  const text = answer.rows[0]?.[0];
  if (text === undefined || text === null) return <Message kind="error" text="vtgate told no plan." />;
  try {
    return <PlanTree plan={readPlan(text)} text={text} tookUs={answer.took_us} />;
  } catch (e) {
    return <Message kind="error" text={`the plan cannot be read: ${told(e)}`} />;
  }
}
