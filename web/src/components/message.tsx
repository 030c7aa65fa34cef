// What the page has to say: a fault, a warning, that something is done.

export function Message(props: { kind: "error" | "warning" | "done" | "info"; text: string; retry?: () => void }) {
  return (
    <div class={`message ${props.kind}`} role={props.kind === "error" ? "alert" : "status"}>
      <span>{props.text}</span>
      {props.retry === undefined ? null : <button type="button" class="small" onClick={props.retry}>Try again</button>}
    </div>
  );
}

/** Faults of what is loaded, and that it is being loaded. */
export function Loading(props: { value: unknown; fault: string | undefined; again: () => void }) {
  if (props.fault !== undefined) return <Message kind="error" text={props.fault} retry={props.again} />;
  return props.value === undefined ? <p class="soft" role="status">Loading…</p> : null;
}
