// Where the tests' cluster is.

/** The first of the ports that the cluster takes. */
export const BASE_PORT = Number(process.env["VIVACE_BASE_PORT"] ?? 24000);
/** The folder of the programs. */
export const PROGRAMS = process.env["VIVACE_PROGRAMS"] ?? new URL("../../target/debug", import.meta.url).pathname;
export const DATA_DIR = process.env["VIVACE_DATA_DIR"] ?? "/tmp/vivace-test-web";
/** A vtctld that runs already: its cluster is used, and left as it is. */
export const GIVEN_URL = process.env["VIVACE_URL"];

export const ETCD = `127.0.0.1:${BASE_PORT}`;
export const VTGATE_STATUS = `http://127.0.0.1:${BASE_PORT + 4}/debug/status`;
export const TABLET_STATUS = `http://127.0.0.1:${BASE_PORT + 10}/debug/status`;
export const BASE_URL = GIVEN_URL ?? `http://127.0.0.1:${BASE_PORT + 2}`;
/** For vtctlds that single tests start. */
export const OTHER_PORT = BASE_PORT + 900;
