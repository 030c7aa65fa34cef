// The inputs of an operation's form.
import { Area, Check, Choice, TextField } from "../components/field";
import type { Field, Values } from "./catalog";

export function Fields(props: { fields: Field[]; values: Values; keyspaces: string[]; aliases: string[]; change: (values: Values) => void }) {
  return <>{props.fields.map((field) => <One key={field.name} field={field} {...props} />)}</>;
}

function One(props: { field: Field; values: Values; keyspaces: string[]; aliases: string[]; change: (values: Values) => void }) {
  const { field, values } = props;
  const value = values[field.name] ?? "";
  const change = (to: string) => props.change({ ...values, [field.name]: to });
  const common = { label: field.label, value, change, hint: field.hint };
  switch (field.kind) {
    case "flag":
      return <Check label={field.label} hint={field.hint} value={value === "true"} change={(on) => change(on ? "true" : "false")} />;
    case "choice":
      return <Choice {...common} options={field.options ?? []} />;
    case "sql":
      return <Area {...common} rows={6} required={field.required} />;
    case "keyspace":
      return <TextField {...common} required={field.required} list={props.keyspaces} />;
    case "alias":
      return <TextField {...common} required={field.required} list={props.aliases} placeholder="zone1-101" />;
    case "seconds":
      return <TextField {...common} kind="number" />;
    default:
      return <TextField {...common} required={field.required} />;
  }
}
