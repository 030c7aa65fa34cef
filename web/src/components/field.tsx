// Labelled inputs.
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  value: string;
  change: (value: string) => void;
  hint?: string | undefined;
  required?: boolean | undefined;
  kind?: "text" | "password" | "search" | "number" | undefined;
  placeholder?: string | undefined;
  list?: string[] | undefined;
  autocomplete?: string | undefined;
}

export function TextField(props: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id} type={props.kind ?? "text"} value={props.value} required={props.required} placeholder={props.placeholder}
        spellcheck={false} autocomplete={props.autocomplete ?? "off"}
        list={props.list === undefined ? undefined : `${id}-list`}
        aria-describedby={props.hint === undefined ? undefined : `${id}-hint`}
        onInput={(e) => props.change(e.currentTarget.value)}
      />
      {props.list === undefined ? null : <datalist id={`${id}-list`}>{props.list.map((one) => <option value={one} />)}</datalist>}
      {props.hint === undefined ? null : <small id={`${id}-hint`}>{props.hint}</small>}
    </div>
  );
}

export function Area(props: Omit<FieldProps, "kind" | "list"> & { rows: number; keys?: (e: KeyboardEvent) => void }) {
  const id = useId();
  return (
    <div class="field wide">
      <label for={id}>{props.label}</label>
      <textarea
        id={id} rows={props.rows} value={props.value} required={props.required} placeholder={props.placeholder} spellcheck={false}
        aria-describedby={props.hint === undefined ? undefined : `${id}-hint`}
        onInput={(e) => props.change(e.currentTarget.value)} onKeyDown={props.keys}
      />
      {props.hint === undefined ? null : <small id={`${id}-hint`}>{props.hint}</small>}
    </div>
  );
}

export function Choice(props: {
  label: string;
  value: string;
  options: [string, string][];
  change: (value: string) => void;
  hint?: string | undefined;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select id={id} value={props.value} onChange={(e) => props.change(e.currentTarget.value)} aria-describedby={props.hint === undefined ? undefined : `${id}-hint`}>
        {props.options.map(([value, name]) => <option value={value}>{name}</option>)}
      </select>
      {props.hint === undefined ? null : <small id={`${id}-hint`}>{props.hint}</small>}
    </div>
  );
}

export function Check(props: { label: string; value: boolean; change: (value: boolean) => void; hint?: string | undefined }) {
  return (
    <label class="check">
      <input type="checkbox" checked={props.value} onChange={(e) => props.change(e.currentTarget.checked)} />
      <span>{props.label}{props.hint === undefined ? null : <small>{props.hint}</small>}</span>
    </label>
  );
}
