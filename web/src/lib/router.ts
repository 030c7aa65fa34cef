// Where one is: the path below /ui/ and the query. Links are plain anchors; a click on one of ours changes the page
// without loading it anew.
import { useEffect, useState } from "preact/hooks";

export const HOME = "/ui/";

export interface Place {
  /** Decoded path elements: /ui/keyspaces/ks is ["keyspaces", "ks"]. */
  path: string[];
  query: URLSearchParams;
}

export function here(): Place {
  const below = location.pathname.startsWith(HOME) ? location.pathname.slice(HOME.length) : "";
  const path = below.split("/").filter((part) => part !== "");
  return { path: path.map(decodeURIComponent), query: new URLSearchParams(location.search) };
}

/** The address of a page; parameters that are empty are left out. */
export function address(path: string[], query: Record<string, string> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== "");
  const text = new URLSearchParams(given).toString();
  return HOME + path.map(encodeURIComponent).join("/") + (text === "" ? "" : `?${text}`);
}

const CHANGED = "vivace:place";

export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  dispatchEvent(new Event(CHANGED));
}

/** The current place; the component is drawn anew when it changes. */
export function usePlace(): Place {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const changed = () => setPlace(here());
    const clicked = (event: MouseEvent) => {
      const anchor = event.target instanceof Element ? event.target.closest("a") : null;
      const special = event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0;
      if (anchor === null || special || event.defaultPrevented || anchor.target !== "") return;
      if (anchor.origin !== location.origin || !anchor.pathname.startsWith(HOME)) return;
      if (anchor.hash !== "" && anchor.pathname === location.pathname) return;
      event.preventDefault();
      go(anchor.href);
      scrollTo(0, 0);
    };
    addEventListener("popstate", changed);
    addEventListener(CHANGED, changed);
    document.addEventListener("click", clicked);
    return () => {
      removeEventListener("popstate", changed);
      removeEventListener(CHANGED, changed);
      document.removeEventListener("click", clicked);
    };
  }, []);
  return place;
}
