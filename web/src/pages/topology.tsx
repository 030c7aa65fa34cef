// The topology as it is: directories, and records decoded.
import { useState } from "preact/hooks";
import { Code } from "../components/code";
import { Facts, Heading } from "../components/heading";
import { Loading } from "../components/message";
import { Pager } from "../components/table";
import { PAGE } from "../components/table";
import { api } from "../lib/api";
import { address } from "../lib/router";
import { useLoaded } from "../lib/use";

export function Topology({ path }: { path: string[] }) {
  return <Node key={path.join("/")} path={path} />;
}

function Node({ path }: { path: string[] }) {
  const [offset, setOffset] = useState(0);
  const node = useLoaded(`${path.join("/")} ${offset}`, () => api.topology(path, offset, PAGE));
  const name = path[path.length - 1];
  const above = path.slice(0, -1).map((part, at): [string, string] => [part, address(["topology", ...path.slice(0, at + 1)])]);
  const found = node.value;
  return (
    <>
      <Heading title={name ?? "Topology"} above={name === undefined ? [] : [["Topology", address(["topology"])], ...above]} />
      {name === undefined ? <p class="soft">What the lock servers hold: the global root, and the root of each cell.</p> : null}
      <Loading {...node} />
      {found === undefined ? null : found.children.length > 0 ? (
        <>
          <ul class="plain card listing">
            {found.children.map((child) => <li><a href={address(["topology", ...path, child])}>{child}</a></li>)}
          </ul>
          <Pager matched={found.children_count ?? found.children.length} offset={offset} noun="entries" to={setOffset} />
        </>
      ) : (
        <>
          <Facts facts={[["Path", <code class="break">{found.path}</code>], ["Version", found.version]]} />
          <Code label="Record" text={pretty(found.data)} />
        </>
      )}
    </>
  );
}

/** JSON in its own layout; other text as it is. */
function pretty(data: string): string {
  try {
    return JSON.stringify(JSON.parse(data), null, 2);
  } catch {
    return data === "" ? "(empty)" : data;
  }
}
