// The head of a page: where one is, its title, what can be done.
import type { ComponentChildren } from "preact";
import { useTitle } from "../lib/use";

export function Heading(props: { title: string; above?: [string, string][]; children?: ComponentChildren }) {
  useTitle(props.title);
  return (
    <div class="heading">
      <div>
        {props.above === undefined ? null : (
          <nav class="above" aria-label="Where this is">
            {props.above.map(([name, to]) => <><a href={to}>{name}</a><span aria-hidden="true"> / </span></>)}
          </nav>
        )}
        <h1>{props.title}</h1>
      </div>
      {props.children === undefined ? null : <div class="buttons">{props.children}</div>}
    </div>
  );
}

/** Facts in two columns. */
export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return <dl class="facts">{facts.map(([name, value]) => <div><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}
