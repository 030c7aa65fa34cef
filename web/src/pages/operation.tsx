// One operation before it is begun: its form, what it would do, and the last question.
import { useState } from "preact/hooks";
import { Confirm } from "../components/dialog";
import { Code } from "../components/code";
import { Heading } from "../components/heading";
import { Message } from "../components/message";
import { api, told } from "../lib/api";
import { shortAlias } from "../lib/format";
import { address, go } from "../lib/router";
import { useIsOperator } from "../lib/session";
import type { JsonObject } from "../lib/types";
import { useLoaded } from "../lib/use";
import { initialValues, operation, requestOf, type Operation } from "../operations/catalog";
import { Fields } from "../operations/fields";
import { requestText } from "../operations/text";

export function OperationPage({ name, query }: { name: string; query: URLSearchParams }) {
  const found = operation(name);
  const above: [string, string][] = [["Operations", address(["operations"])]];
  if (found === undefined) {
    return <><Heading title={name} above={above} /><Message kind="error" text={`There is no operation ${name}. The list of operations has them all.`} /></>;
  }
  return (
    <>
      <Heading title={found.title} above={above} />
      <p>{found.what} <span class="soft">({found.name})</span></p>
      <Form key={name} operation={found} query={query} />
    </>
  );
}

type Tried = { request: string; lines: string[] } | { fault: string };

function Form({ operation, query }: { operation: Operation; query: URLSearchParams }) {
  const operator = useIsOperator();
  const [values, setValues] = useState(() => initialValues(operation.fields, query));
  const [tried, setTried] = useState<Tried>();
  const [asking, setAsking] = useState<JsonObject>();
  const [busy, setBusy] = useState(false);
  const keyspaces = useLoaded("keyspaces", () => api.keyspaces({ limit: 200 }));
  const inShard = { keyspace: values["keyspace"] ?? "", shard: values["shard"] ?? "", limit: 200 };
  const tablets = useLoaded(JSON.stringify(inShard), () => api.tablets(inShard));

  const withRequest = (act: (request: JsonObject) => void) => {
    try {
      act(requestOf(operation, values));
    } catch (e) {
      setTried({ fault: told(e) });
    }
  };
  const dryRun = () => withRequest((request) => {
    setBusy(true);
    setTried(undefined);
    api.dryRun(operation.name, request)
      .then(({ lines }) => setTried({ request: requestText(request), lines }), (e: unknown) => setTried({ fault: told(e) }))
      .finally(() => setBusy(false));
  });
  const run = (request: JsonObject) => {
    setAsking(undefined);
    setBusy(true);
    api.begin(operation.name, request)
      .then(({ id }) => go(address(["operations", String(id)])), (e: unknown) => setTried({ fault: told(e) }))
      .finally(() => setBusy(false));
  };
  return (
    <>
      <form class="card form" onSubmit={(e) => { e.preventDefault(); dryRun(); }}>
        <Fields
          fields={operation.fields} values={values} change={setValues}
          keyspaces={keyspaces.value?.keyspaces.map((k) => k.keyspace) ?? []}
          aliases={tablets.value?.tablets.map((t) => shortAlias(t.alias)) ?? []}
        />
        <div class="buttons">
          <button class="primary" disabled={busy || !operator}>Dry run</button>
          <button type="button" class={operation.danger === true ? "danger" : undefined} disabled={busy || !operator} onClick={() => withRequest(setAsking)}>Run…</button>
        </div>
        {operator ? null : <p class="soft">You are a viewer: an operator can begin this.</p>}
      </form>
      {tried === undefined ? null : "fault" in tried
        ? <Message kind="error" text={tried.fault} />
        : <section><h2>What it would do now</h2><Code label="Dry run" text={tried.lines.join("\n")} /></section>}
      {asking === undefined ? null : (
        <Confirm title={`${operation.title}?`} action="Run" danger={operation.danger === true} confirm={() => run(asking)} cancel={() => setAsking(undefined)}>
          <p>{requestText(asking) === "" ? "With no further choice." : requestText(asking)}</p>
          {tried !== undefined && "lines" in tried && tried.request === requestText(asking)
            ? <Code label="Dry run" text={tried.lines.join("\n")} />
            : <p class="soft">This was not tried yet: Cancel and “Dry run” shows what it would do.</p>}
        </Confirm>
      )}
    </>
  );
}
