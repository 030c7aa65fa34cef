// Hooks: what is read once, and what is read again and again while somebody looks.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { told } from "./api";

export interface Loaded<T> {
  value: T | undefined;
  fault: string | undefined;
  again: () => void;
}

/** Reads when the key changes and when asked again; an answer that comes too late is dropped. */
export function useLoaded<T>(key: string, load: () => Promise<T>, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; fault?: string }>({ key });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      timer = undefined;
      // A page that nobody sees does not ask.
      if (document.visibilityState === "visible") {
        try {
          const value = await latest.current();
          if (!gone) setState({ key, value });
        } catch (e) {
          // What was there before stays, with the fault above it.
          if (!gone) setState((before) => ({ ...before, key, fault: told(e) }));
        }
      }
      if (!gone && everyMs !== undefined) timer = setTimeout(() => void read(), everyMs);
    };
    void read();
    const seen = () => {
      if (everyMs !== undefined && timer !== undefined && document.visibilityState === "visible") {
        clearTimeout(timer);
        void read();
      }
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      gone = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [key, turn, everyMs]);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  const current = state.key === key ? state : { key };
  return { value: "value" in current ? current.value : undefined, fault: "fault" in current ? current.fault : undefined, again };
}

/** Names the page in the window's title. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Vivace`;
  }, [title]);
}
