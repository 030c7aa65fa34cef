// Who is looking, for what depends on it.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "./types";

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session | undefined {
  return useContext(SessionContext);
}

/** Whether operations may be begun. */
export function useIsOperator(): boolean {
  return useSession()?.role === "operator";
}
