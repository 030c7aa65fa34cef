// A question before something is done. The browser's own dialog keeps the focus inside, and Escape closes it.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

export function Confirm(props: {
  title: string;
  action: string;
  danger?: boolean;
  children: ComponentChildren;
  confirm: () => void;
  cancel: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={title} onCancel={(e) => { e.preventDefault(); props.cancel(); }}>
      <h2 id={title}>{props.title}</h2>
      {props.children}
      <div class="buttons end">
        <button type="button" onClick={props.cancel}>Cancel</button>
        <button type="button" class={props.danger === true ? "danger" : "primary"} onClick={props.confirm}>{props.action}</button>
      </div>
    </dialog>
  );
}
