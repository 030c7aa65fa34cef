// The frame: who is signed in, the navigation, and the page that the address names.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Frame } from "./components/frame";
import { Message } from "./components/message";
import { api, onSignedOut, told } from "./lib/api";
import { SessionContext } from "./lib/session";
import { usePlace } from "./lib/router";
import type { Session } from "./lib/types";
import { page } from "./pages/all";
import { SignIn } from "./pages/sign-in";

export function App() {
  const [session, setSession] = useState<Session>();
  const [fault, setFault] = useState<string>();
  const place = usePlace();
  const load = useCallback(() => {
    api.session().then(
      (found) => {
        setSession(found);
        setFault(undefined);
      },
      (e: unknown) => setFault(told(e)),
    );
  }, []);
  useEffect(load, [load]);
  useEffect(() => onSignedOut(load), [load]);
  const main = useRef<HTMLElement>(null);
  const key = place.path.join("/");
  const first = useRef(true);
  useEffect(() => {
    // A page that was gone to by a link begins at its beginning, for the keyboard and for screen readers.
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [key]);
  if (session === undefined) {
    return <main class="alone">{fault === undefined ? <p>Loading…</p> : <Message kind="error" text={fault} retry={load} />}</main>;
  }
  if (!session.signed_in) return <SignIn done={setSession} />;
  return (
    <SessionContext.Provider value={session}>
      <Frame place={place} session={session} signedOut={load}>
        <main id="content" tabIndex={-1} ref={main} key={key}>
          {session.message === "" ? null : <Message kind="warning" text={session.message} />}
          {page(place)}
        </main>
      </Frame>
    </SessionContext.Provider>
  );
}
