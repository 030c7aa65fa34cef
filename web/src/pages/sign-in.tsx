import { useState } from "preact/hooks";
import { TextField } from "../components/field";
import { Message } from "../components/message";
import { api, told } from "../lib/api";
import type { Session } from "../lib/types";
import { useTitle } from "../lib/use";

export function SignIn({ done }: { done: (session: Session) => void }) {
  useTitle("Sign in");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [fault, setFault] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    api.signIn(name, password).then(done, (e: unknown) => setFault(told(e))).finally(() => setBusy(false));
  };
  return (
    <main class="alone">
      <form class="card sign-in" onSubmit={submit}>
        <h1>Sign in to Vivace</h1>
        {fault === undefined ? null : <Message kind="error" text={fault} />}
        <TextField label="Name" value={name} change={setName} required autocomplete="username" />
        <TextField label="Password" value={password} change={setPassword} kind="password" required autocomplete="current-password" />
        <button class="primary" disabled={busy}>Sign in</button>
        <p class="soft">Users are those of vtctld’s <code>--web-users-file</code>.</p>
      </form>
    </main>
  );
}
