// Which page an address names.
import type { ComponentChildren } from "preact";
import type { Place } from "../lib/router";
import { Heading } from "../components/heading";
import { Cluster } from "./cluster";
import { HistoryPage } from "./history";
import { KeyspacePage } from "./keyspace";
import { JobPage } from "./job";
import { Operations } from "./operations";
import { OperationPage } from "./operation";
import { SchemaPage } from "./schema";
import { Sql } from "./sql";
import { TabletPage } from "./tablet";
import { Tablets } from "./tablets";
import { Topology } from "./topology";
import { VSchemaPage } from "./vschema";

export function page(place: Place): ComponentChildren {
  const [first, second, third, fourth] = place.path;
  switch (first) {
    case undefined:
      return <Cluster query={place.query} />;
    case "keyspaces":
      if (second === undefined) return <Cluster query={place.query} />;
      if (third === "schema") return <SchemaPage keyspace={second} table={fourth} />;
      if (third === "vschema") return <VSchemaPage keyspace={second} />;
      if (third === "history") return <HistoryPage keyspace={second} />;
      return <KeyspacePage keyspace={second} />;
    case "tablets":
      return second === undefined ? <Tablets query={place.query} /> : <TabletPage alias={second} />;
    case "operations":
      if (second === "new" && third !== undefined) return <OperationPage name={third} query={place.query} />;
      return second === undefined ? <Operations /> : <JobPage id={second} />;
    case "sql":
      return <Sql query={place.query} />;
    case "topology":
      return <Topology path={place.path.slice(1)} />;
    case "history":
      return <HistoryPage keyspace={place.query.get("keyspace") ?? ""} />;
    default:
      return (
        <>
          <Heading title="There is no such page" />
          <p>Nothing is at <code>{place.path.join("/")}</code>. The pages are in the bar above.</p>
        </>
      );
  }
}
