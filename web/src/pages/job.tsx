// An operation that was begun: its progress, its log, what came of it.
import { useEffect, useRef, useState } from "preact/hooks";
import { Code, Log } from "../components/code";
import { Facts, Heading } from "../components/heading";
import { Message } from "../components/message";
import { JobState } from "../components/state";
import { api, told } from "../lib/api";
import { millis, moment, plural } from "../lib/format";
import { address } from "../lib/router";
import type { Job, JsonObject, LogLine } from "../lib/types";
import { requestText } from "../operations/text";

const EVERY_MS = 400;

export function JobPage({ id }: { id: string }) {
  const { job, lines, fault } = useJob(id);
  const above: [string, string][] = [["Operations", address(["operations"])]];
  if (job === undefined) {
    return <><Heading title={`Operation ${id}`} above={above} />{fault === undefined ? <p class="soft" role="status">Loading…</p> : <Message kind="error" text={fault} />}</>;
  }
  const keyspace = job.request["keyspace"];
  return (
    <>
      <Heading title={`${job.name} ${job.id}`} above={above}>
        {typeof keyspace === "string" ? <a class="button" href={address(["keyspaces", keyspace])}>Keyspace {keyspace}</a> : null}
      </Heading>
      {fault === undefined ? null : <Message kind="error" text={fault} />}
      {job.state === "running" ? <progress class="wide-progress" aria-label="Under way" /> : null}
      {job.error === undefined ? null : <Message kind="error" text={job.error} />}
      {job.state === "done" ? <Message kind="done" text={`Done in ${millis(job.took_ms)}.`} /> : null}
      <Facts
        facts={[
          ["State", <JobState state={job.state} />],
          ["For", requestText(job.request)],
          ["By", job.who],
          ["Begun", moment(job.begun_ms)],
          ["Took", millis(job.took_ms)],
        ]}
      />
      <h2>Log</h2>
      <Log label="Log" lines={lines} />
      {job.lines_left_out === 0 ? null : <p class="soft">{plural(job.lines_left_out, "more line")} only in vtctld’s own log.</p>}
      <Answer answer={job.answer ?? {}} />
    </>
  );
}

/** Without the events, which are the log's lines. */
function Answer({ answer }: { answer: JsonObject }) {
  const { events: _, ...rest } = answer;
  if (Object.keys(rest).length === 0) return null;
  return <><h2>Answer</h2><Code label="Answer" text={JSON.stringify(rest, null, 2)} /></>;
}

/** The job, read again until it has ended; its log grows by what is new. */
function useJob(id: string): { job: Job | undefined; lines: LogLine[]; fault: string | undefined } {
  const [job, setJob] = useState<Job>();
  const [lines, setLines] = useState<LogLine[]>([]);
  const [fault, setFault] = useState<string>();
  const known = useRef(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    known.current = 0;
    setLines([]);
    const read = async () => {
      let running = true;
      try {
        const found = await api.job(id, known.current);
        if (gone) return;
        const news = found.log ?? [];
        known.current += news.length;
        setLines((before) => [...before, ...news]);
        setJob(found);
        setFault(undefined);
        running = found.state === "running";
      } catch (e) {
        if (!gone) setFault(told(e));
      }
      if (!gone && running) timer = setTimeout(() => void read(), EVERY_MS);
    };
    void read();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id]);
  return { job, lines, fault };
}
