// Tables: they scroll by themselves when they are wider than the window; on a narrow one each row is a card.
import type { ComponentChildren } from "preact";

export interface Column<T> {
  name: string;
  /** Numbers stand to the right. */
  number?: boolean;
  cell: (row: T) => ComponentChildren;
}

export function Table<T>(props: { caption: string; columns: Column<T>[]; rows: T[]; rowKey: (row: T) => string; none?: string }) {
  if (props.rows.length === 0) return <p class="soft">{props.none ?? "None."}</p>;
  return (
    <div class="table" role="region" aria-label={props.caption} tabIndex={0}>
      <table>
        <caption class="hidden">{props.caption}</caption>
        <thead>
          <tr>{props.columns.map((c) => <th scope="col" class={c.number === true ? "number" : undefined}>{c.name}</th>)}</tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.rowKey(row)}>
              {props.columns.map((c) => <td data-name={c.name} class={c.number === true ? "number" : undefined}>{c.cell(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export const PAGE = 50;

/** Back and forth through pages of PAGE rows. */
export function Pager(props: { matched: number; offset: number; noun: string; to: (offset: number) => void }) {
  const { matched, offset } = props;
  if (matched <= PAGE && offset === 0) return null;
  const last = Math.min(matched, offset + PAGE);
  return (
    <nav class="pager" aria-label={`Pages of ${props.noun}`}>
      <button type="button" disabled={offset === 0} onClick={() => props.to(Math.max(0, offset - PAGE))}>Previous</button>
      <span>{matched === 0 ? 0 : offset + 1} to {last} of {matched.toLocaleString("en")} {props.noun}</span>
      <button type="button" disabled={last >= matched} onClick={() => props.to(offset + PAGE)}>Next</button>
    </nav>
  );
}
