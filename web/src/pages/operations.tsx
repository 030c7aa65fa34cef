// What can be done, and what was done lately through these pages.
import { Heading } from "../components/heading";
import { Loading } from "../components/message";
import { JobState } from "../components/state";
import { Table } from "../components/table";
import { api } from "../lib/api";
import { millis, moment } from "../lib/format";
import { address } from "../lib/router";
import { useIsOperator } from "../lib/session";
import type { Job } from "../lib/types";
import { useLoaded } from "../lib/use";
import { OPERATIONS, type Operation } from "../operations/catalog";
import { requestText } from "../operations/text";

export function Operations() {
  const jobs = useLoaded("jobs", api.jobs, 2000);
  const operator = useIsOperator();
  const groups = [...new Set(OPERATIONS.map((o) => o.group))];
  return (
    <>
      <Heading title="Operations" />
      <h2>Under way, and done lately</h2>
      <Loading {...jobs} />
      {jobs.value === undefined ? null : (
        <Table
          caption="Operations under way and done lately" rows={jobs.value} rowKey={(job) => String(job.id)}
          none="None since vtctld started. What was done before is in the keyspaces’ history."
          columns={[
            { name: "Operation", cell: (job: Job) => <a href={address(["operations", String(job.id)])}>{job.name}</a> },
            { name: "For", cell: (job) => <span class="cut">{requestText(job.request)}</span> },
            { name: "State", cell: (job) => <JobState state={job.state} /> },
            { name: "Begun", cell: (job) => <time>{moment(job.begun_ms)}</time> },
            { name: "Took", number: true, cell: (job) => millis(job.took_ms) },
            { name: "By", cell: (job) => job.who },
          ]}
        />
      )}
      <h2>Begin one</h2>
      {operator ? null : <p class="soft">You are a viewer: operations can be looked at, and begun by operators only.</p>}
      <div class="groups">
        {groups.map((group) => (
          <section class="card">
            <h3>{group}</h3>
            <ul class="plain">{OPERATIONS.filter((o) => o.group === group).map((o) => <Entry operation={o} />)}</ul>
          </section>
        ))}
      </div>
    </>
  );
}

function Entry({ operation }: { operation: Operation }) {
  return (
    <li>
      <a href={address(["operations", "new", operation.name])}>{operation.title}</a>
      <small>{operation.what}</small>
    </li>
  );
}
