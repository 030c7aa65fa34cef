// What is around each page: the skip link, the navigation, the theme's switch, who is signed in.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api } from "../lib/api";
import { address, type Place } from "../lib/router";
import { chooseTheme, storedTheme, type Theme } from "../lib/theme";
import type { Session } from "../lib/types";

const PAGES: { name: string; path: string[]; also?: string }[] = [
  { name: "Cluster", path: [], also: "keyspaces" },
  { name: "Tablets", path: ["tablets"] },
  { name: "Operations", path: ["operations"] },
  { name: "SQL", path: ["sql"] },
  { name: "Topology", path: ["topology"] },
  { name: "History", path: ["history"] },
];

export function Frame(props: { place: Place; session: Session; signedOut: () => void; children: ComponentChildren }) {
  const at = props.place.path[0] ?? "";
  return (
    <>
      <a class="skip" href="#content">Skip to the content</a>
      <header class="bar">
        <a class="brand" href={address([])}>
          <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
            <path d="M6 8l10 17L26 8" fill="none" stroke="currentColor" stroke-width="5" stroke-linecap="round" stroke-linejoin="round" />
          </svg>
          Vivace
        </a>
        <nav aria-label="Pages">
          {PAGES.map(({ name, path, also }) => (
            <a href={address(path)} aria-current={at === (path[0] ?? "") || at === also ? "page" : undefined}>{name}</a>
          ))}
        </nav>
        <div class="bar-end">
          <ThemeSwitch />
          <Who session={props.session} signedOut={props.signedOut} />
        </div>
      </header>
      {props.children}
      <footer>
        <a href="/debug/status">vtctld’s status</a>
        <a href="/api/openapi.json">API</a>
        {props.session.cell === "" ? null : <span>cell {props.session.cell}</span>}
        <span>Vivace {/\d[\w.-]*/.exec(props.session.version)?.[0] ?? ""}</span>
      </footer>
    </>
  );
}

const THEMES: Theme[] = ["system", "light", "dark"];

function ThemeSwitch() {
  const [theme, setTheme] = useState(storedTheme);
  const choose = (value: string) => {
    const chosen = THEMES.find((one) => one === value) ?? "system";
    chooseTheme(chosen);
    setTheme(chosen);
  };
  return (
    <select aria-label="Theme" class="small" value={theme} onChange={(e) => choose(e.currentTarget.value)}>
      {THEMES.map((one) => <option value={one}>{one === "system" ? "System theme" : one === "light" ? "Light" : "Dark"}</option>)}
    </select>
  );
}

function Who({ session, signedOut }: { session: Session; signedOut: () => void }) {
  if (session.sign_in !== "users") {
    return <span class="who" title={session.sign_in === "none" ? "vtctld listens on this machine only: nobody signs in" : session.message}>{session.role}</span>;
  }
  return (
    <>
      <span class="who">{session.user} · {session.role}</span>
      <button type="button" class="small" onClick={() => void api.signOut().finally(signedOut)}>Sign out</button>
    </>
  );
}
